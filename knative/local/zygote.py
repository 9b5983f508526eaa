"""The warmed parent of the platform's pods: `python -m knative.local.zygote`, its socket on descriptor 3.

A fresh interpreter needs half a second to import what a function runs on; a fork of one that has done so needs milliseconds, and shares the
memory. So this process imports, freezes the garbage collector (its generations would otherwise be written to, and so copied, in every
child) and then only waits: no thread, no event loop, no connection, no secret, an empty environment. An order comes as one datagram with
the file descriptors it concerns; the answer is the pid, later the exit status. Its socket is one end of a pair that only its parent and
it hold; when the other end closes it ends, and its children are left to whoever comes to find them.
"""

import fcntl
import gc
import importlib
import json
import marshal
import os
import resource
import runpy
import select
import signal
import socket
import sys
from typing import Any, NoReturn

from knative.local.sandbox.launch_kernel import kernel

MODULES = (
    "asyncio", "contextlib", "dataclasses", "email.message", "http.client", "logging.handlers", "ssl", "uuid", "zoneinfo",
    "httptools", "orjson", "pydantic", "starlette.applications", "starlette.routing", "uvicorn", "uvicorn.protocols.http.httptools_impl",
    "uvicorn.lifespan.on", "uvloop", "cloudevents.http", "pika.adapters.asyncio_connection", "psycopg", "psycopg_pool", "jwt", "uuid_utils",
    "email_validator", "cryptography.hazmat.primitives.asymmetric.ed25519", "functions_framework.aio", "functions.runtime.serving.main",
    "functions.runtime.serving.serve", "functions.runtime.serving.preload",
)  # fmt: skip
"""What is missing is skipped; CAPSULE_WARM_MODULES (comma-separated) names others."""

CHANNEL = 3
LARGEST_ORDER_FDS = 8


class Child(Exception):
    """Unwinds the fork out of the zygote's loop, so that the pod's program runs on a clean stack and ends as an interpreter does."""

    def __init__(self, orders: dict[str, Any]) -> None:
        self.orders = orders


def warm(modules: tuple[str, ...]) -> None:
    for name in modules:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as missing:
            if not name.startswith(missing.name or "?"):
                print(f"zygote: {name} needs {missing.name}, which is not installed", file=sys.stderr, flush=True)
        except Exception as error:  # noqa: BLE001 - a module that cannot be warmed is one that a pod will import itself, and fail by itself
            print(f"zygote: {name} is not warmed: {error!r}", file=sys.stderr, flush=True)
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        print(f"zygote: importing started {threads - 1} threads; a fork has only the first", file=sys.stderr, flush=True)
    gc.collect()
    gc.freeze()


def serve(channel: socket.socket) -> None:
    """Orders in, pids and exit statuses out, until the other end is closed; in a child it raises Child."""
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    children: dict[int, int] = {}
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == channel.fileno():
                message, descriptors, _, _ = socket.recv_fds(channel, 4096, LARGEST_ORDER_FDS + 3)
                if not message:
                    return
                pid = os.fork()
                if pid == 0:
                    gc.freeze()
                    raise Child(_take(channel, [*children], descriptors))
                for each in descriptors:
                    os.close(each)
                pidfd = os.pidfd_open(pid)
                children[pidfd] = pid
                poll.register(pidfd, select.POLLIN)
                channel.send(json.dumps({"order": json.loads(message)["order"], "pid": pid}).encode())
            else:
                poll.unregister(descriptor)
                os.close(descriptor)
                pid, status = os.waitpid(children.pop(descriptor), 0)
                channel.send(json.dumps({"pid": pid, "status": os.waitstatus_to_exitcode(status)}).encode())


def _take(channel: socket.socket, pidfds: list[int], descriptors: list[int]) -> dict[str, Any]:
    """In the child: let go of what is the zygote's, and lay out what is the pod's (0 nothing, 1, 2, then the sockets from 3 on)."""
    os.setsid()
    os.umask(0o077)  # the zygote's own is 022: what Python compiles is for every user
    channel.close()
    for each in pidfds:
        os.close(each)
    with os.fdopen(descriptors[0], "rb") as file:
        orders: dict[str, Any] = marshal.loads(file.read())
    descriptors = descriptors[1:]
    high = [fcntl.fcntl(each, fcntl.F_DUPFD, 256) for each in descriptors]
    for target, source in enumerate(high, start=1):
        os.dup2(source, target)
    for each in {*high, *(each for each in descriptors if each > len(high))}:
        os.close(each)
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_DFL)
    return orders


def become(orders: dict[str, Any]) -> None:
    for folder in orders["cgroups"]:
        with open(os.path.join(folder, "cgroup.procs"), "w") as file:
            file.write("0")
    for name, value in orders["limits"].items():
        which = getattr(resource, name)
        hard = resource.getrlimit(which)[1]
        resource.setrlimit(which, (value if hard == resource.RLIM_INFINITY else min(value, hard),) * 2)
    if orders["uid"] is not None:  # root's zygote: the child takes its component's user and has no way back
        os.setgroups([])
        kernel.drop_bounding_set()
        os.setresgid(orders["gid"], orders["gid"], orders["gid"])
        os.setresuid(orders["uid"], orders["uid"], orders["uid"])
    os.environ.clear()
    os.environ.update(orders["env"])
    if "LISTEN_FDS" in orders["env"]:
        os.environ["LISTEN_PID"] = str(os.getpid())
    os.chdir(orders["cwd"])
    signal.signal(signal.SIGINT, signal.default_int_handler)


def run(orders: dict[str, Any]) -> NoReturn:
    """`python -m module words…`, as the interpreter does it."""
    become(orders)
    _, _, module, *words = orders["argv"]
    sys.argv = [module, *words]
    sys.modules.pop(module, None)  # it is warm, and is to run as __main__
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit(0)


def main() -> None:
    for each in (signal.SIGINT, signal.SIGHUP):  # a terminal's, meant for the whole; the parent tells us by closing the socket
        signal.signal(each, signal.SIG_IGN)
    channel = socket.socket(fileno=CHANNEL)
    os.set_inheritable(CHANNEL, False)
    named = os.environ.get("CAPSULE_WARM_MODULES")
    warm(tuple(named.split(",")) if named else MODULES)
    channel.send(b'{"ready": true}')
    try:
        serve(channel)
    except Child as child:
        orders = child.orders
    else:
        return
    run(orders)


if __name__ == "__main__":
    main()
