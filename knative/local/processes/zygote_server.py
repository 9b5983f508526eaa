"""The zygote: `python -m knative.local.processes.zygote_server REHEARSAL MODULE…`, its socket on descriptor 3.

A fresh interpreter needs half a second to import what a function runs on; a fork of a process that has imported it
needs milliseconds and shares its memory. This process imports the modules, freezes the garbage collector (else its
generations would be written to, and so copied, in every child), and waits: no thread, no event loop, no connection, no
secret, an empty environment. With a REHEARSAL (else it is empty) a few children are forked before they are needed (`spare_forks`).

Protocol, one JSON datagram each: `{"request": N}` with descriptors (launch specification, stdout, stderr, listening
sockets) is answered by `{"request": N, "pid": P}` and later by `{"pid": P, "status": S}`. When the platform closes its
end of the socket the zygote ends; the platform, a subreaper, adopts its children.
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
from collections.abc import Iterable
from typing import Any, NoReturn

from knative.local.processes.spare_forks import LISTENING_DESCRIPTORS, SpareForks
from knative.local.sandbox.launch_groups import join_control_groups
from knative.local.sandbox.launch_kernel import kernel

CHANNEL = 3


class Child(Exception):
    """Unwinds the fork out of the server's loop, so that the pod's program runs on a clean stack and ends as an interpreter does."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec


def preload(modules: Iterable[str]) -> None:
    """Import modules. One that cannot be imported is reported on stderr and left to the pods that need it."""
    for name in modules:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as missing:
            if not name.startswith(missing.name or "?"):
                print(f"zygote: {name} needs {missing.name}, which is not installed", file=sys.stderr, flush=True)
        except Exception as error:  # noqa: BLE001 - a pod that needs the module imports it itself and reports the failure
            print(f"zygote: {name} is not preloaded: {error!r}", file=sys.stderr, flush=True)
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        print(f"zygote: importing started {threads - 1} threads; a fork has only the first", file=sys.stderr, flush=True)
    gc.collect()
    gc.freeze()


def serve(channel: socket.socket, rehearsal: str = "") -> None:
    """Fork for each request and report exits, until the other end is closed. In a child it raises Child."""
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    children: dict[int, int] = {}
    """pidfd → pid"""
    spares = SpareForks(rehearsal, poll)
    while True:
        readable = poll.poll(spares.timeout_ms)
        if not readable:
            inner = [*children, *spares.descriptors]
            if (spare_channel := spares.adjust()) is not None:
                _leave_zygote(channel, inner)
                raise Child(_prepare_child(spares.wait(spare_channel)))
        # A request comes last: a spare whose byte came with it is ready, and the numbers of descriptors that have just been closed are free.
        for descriptor in sorted((each for each, _ in readable), key=channel.fileno().__eq__):
            if descriptor == channel.fileno():
                message, descriptors, _, _ = socket.recv_fds(channel, 4096, len(LISTENING_DESCRIPTORS) + 3)
                if not message:
                    return
                pid, pidfd = spares.hand_over(message, descriptors) or _fork(channel, [*children, *spares.descriptors], descriptors, poll)
                for each in descriptors:
                    os.close(each)
                children[pidfd] = pid
                channel.send(json.dumps({"request": json.loads(message)["request"], "pid": pid}).encode())
            elif descriptor in children:
                pid, status = os.waitpid(children.pop(descriptor), 0)
                poll.unregister(descriptor)
                os.close(descriptor)
                channel.send(json.dumps({"pid": pid, "status": os.waitstatus_to_exitcode(status)}).encode())
            else:
                spares.on_readable(descriptor)


def _fork(channel: socket.socket, inner: list[int], descriptors: list[int], poll: select.poll) -> tuple[int, int]:
    """Return the (pid, pidfd) of a child, which the poll follows. In the child it raises Child."""
    pid = os.fork()
    if pid == 0:
        _leave_zygote(channel, inner)
        raise Child(_prepare_child(descriptors))
    pidfd = os.pidfd_open(pid)
    poll.register(pidfd, select.POLLIN)
    return pid, pidfd


def _leave_zygote(channel: socket.socket, inner: list[int]) -> None:
    """In a child: close what belongs to the zygote. `inner`: its descriptors of other children."""
    gc.freeze()
    os.setsid()
    channel.close()
    for each in inner:
        os.close(each)


def _prepare_child(descriptors: list[int]) -> dict[str, Any]:
    """In the child: place the pod's descriptors: 1, 2, then listening sockets from 3 on. Returns its spec."""
    os.umask(0o077)  # the zygote's own is 022: other users read what Python compiles
    with os.fdopen(descriptors[0], "rb") as file:
        spec: dict[str, Any] = marshal.loads(file.read())
    descriptors = descriptors[1:]
    high = [fcntl.fcntl(each, fcntl.F_DUPFD, 256) for each in descriptors]
    for target, source in enumerate(high, start=1):
        os.dup2(source, target)
    for each in {*high, *(each for each in descriptors if each > len(high))}:
        os.close(each)
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_DFL)
    return spec


def apply_spec(spec: dict[str, Any]) -> None:
    """Join control groups, apply limits, change the user, set environment and folder."""
    join_control_groups(spec["cgroups"])
    for name, value in spec["limits"].items():
        which = getattr(resource, name)
        hard = resource.getrlimit(which)[1]
        resource.setrlimit(which, (value if hard == resource.RLIM_INFINITY else min(value, hard),) * 2)
    if spec["uid"] is not None:  # the zygote runs as root: the child becomes its component's user and cannot go back
        os.setgroups([])
        kernel.drop_bounding_set()
        os.setresgid(spec["gid"], spec["gid"], spec["gid"])
        os.setresuid(spec["uid"], spec["uid"], spec["uid"])
    os.environ.clear()
    os.environ.update(spec["env"])
    if "LISTEN_FDS" in spec["env"]:
        os.environ["LISTEN_PID"] = str(os.getpid())
    os.chdir(spec["cwd"])
    signal.signal(signal.SIGINT, signal.default_int_handler)


def run(spec: dict[str, Any]) -> NoReturn:
    """Run `python -m module arguments…` as the interpreter does."""
    apply_spec(spec)
    _, _, module, *arguments = spec["argv"]
    sys.argv = [module, *arguments]
    sys.modules.pop(module, None)  # it may be preloaded, and must run as __main__
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit(0)


def main() -> None:
    for each in (signal.SIGINT, signal.SIGHUP):  # a terminal sends them to all processes; the platform ends the zygote by closing the socket
        signal.signal(each, signal.SIG_IGN)
    channel = socket.socket(fileno=CHANNEL)
    os.set_inheritable(CHANNEL, False)
    rehearsal, *modules = sys.argv[1:]
    preload([*modules, *([rehearsal] if rehearsal else [])])
    channel.send(b'{"ready": true}')
    try:
        serve(channel, rehearsal)
    except Child as child:
        spec = child.spec
    else:
        os._exit(0)  # nothing is left to write, and ending the interpreter takes a tenth of a second, for which a `down` waits
    run(spec)


if __name__ == "__main__":
    main()
