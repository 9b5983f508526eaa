"""The last step before a container's program runs; `launch.py` executes it with its orders, marshalled, on descriptor 0.

A program of its own and no `preexec_fn`: the parent has threads and is large, so nothing of it may run between fork and exec. Started by root, it
enters the container's control groups and network, makes the other namespaces, assembles the container's file system out of mounts, gives up every
privilege and executes the program under an init that reaps orphans. Two processes take part:

    launcher     joins control groups and the network namespace, makes mount, IPC, UTS, cgroup and PID namespaces, mounts everything but /proc,
                 forks, reports the child's process id on descriptor 3 and exits; the controller, a subreaper, becomes the child's parent
    child        process 1 of the new PID namespace: mounts /proc, pivots into the root, enters the user namespace, drops privileges, executes init

The mount, PID and network namespaces belong to the initial user namespace. The container's processes live in a user namespace of their own and so
hold no capability over any of the others: no mount, route or host name can be changed from inside.

Descriptors: 0 orders, 1 and 2 output, 3 a socket for the report (a process id, or a sentence that says what failed), then what the orders name
by number.
Standard library only, and little of it, since this program is part of every cold start: `json` and `signal` import `re` and `enum`, which take
as long as the interpreter itself.
"""

import _signal as signal
import _socket
import errno
import marshal
import os
import resource
import sys

from knative.local.sandbox import launch_mounts as mounts
from knative.local.sandbox.launch_kernel import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    kernel,
)

REPORT = 3
OOM_SCORE = "500"
"""Tenants' processes are ended before the platform's when the machine runs out of memory (proc_pid_oom_score_adj(5))."""


def main() -> None:
    import_no_more()
    orders = marshal.loads(os.read(0, os.fstat(0).st_size))
    if orders["stdin"] is None:
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    else:
        os.dup2(orders["stdin"], 0)
    kept = [*orders["listen"], *orders["join"], *orders["keep"], *orders["enter"]]
    close_all_but(REPORT, *kept)
    join_groups(orders["cgroups"])
    if orders["join"] or orders["root"] or orders["own_user_namespace"]:
        be_ended_first()
    if orders["own_user_namespace"]:
        become_root_of_own_namespace()
    apply_limits(orders["limits"])
    if orders["enter"]:
        enter(orders)
    elif orders["root"]:
        contain(orders)
    else:
        join_namespaces(orders["join"])
        if orders["overlay"]:
            mounts.overlay_as_user(orders["overlay"])
        report(os.getpid())
        become(orders, None)
        execute(orders)


def be_ended_first() -> None:
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write(OOM_SCORE)


def become_root_of_own_namespace() -> None:
    """A user namespace whose root is the user who starts it, before the limits: its own count of processes is limited then (getrlimit(2))."""
    user, group = os.getuid(), os.getgid()
    kernel.unshare(CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def import_no_more() -> None:
    """From here on nothing is imported: in a container's mount namespace a module's path may lead to a file that a tenant wrote."""
    sys.path.clear()
    sys.path_hooks.clear()
    sys.meta_path.clear()


def close_all_but(*kept: int) -> None:
    """Everything above the standard descriptors but these."""
    low = 3
    for descriptor in sorted(kept):
        os.closerange(low, descriptor)
        low = descriptor + 1
    kernel.close_range(low)


def join_groups(folders: list[str]) -> None:
    for folder in folders:
        with open(os.path.join(folder, "cgroup.procs"), "w") as file:
            file.write("0")


def apply_limits(limits: dict[str, int]) -> None:
    for name, value in limits.items():
        which = getattr(resource, name)
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))


def join_namespaces(descriptors: list[int]) -> None:
    """A user namespace first, if there is one: it gives the right to enter the network that was made in it."""
    for descriptor in descriptors:
        kernel.setns(descriptor)
        os.close(descriptor)


def contain(orders: dict) -> None:  # type: ignore[type-arg]
    join_namespaces(orders["join"])
    if not orders["pid_namespace"]:  # the platform's own: a view of the file system, and nothing else
        kernel.unshare(CLONE_NEWNS)
        mounts.assemble(orders, None)
        mounts.enter_root(orders)
        report(os.getpid())
        become(orders, None)
        return execute(orders)
    user_namespace, holder = new_user_namespace(orders["first_id"], orders["ids"]) if orders["ids"] else (None, 0)
    kernel.unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWPID | (CLONE_NEWNET if orders["own_network"] else 0))
    kernel.sethostname(orders["hostname"])
    mounts.assemble(orders, user_namespace)
    if holder:
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)
    gate, gate_end = os.pipe()
    child = os.fork()
    if child:
        report(child, os.open("/proc/self/ns/mnt", os.O_RDONLY), *([] if user_namespace is None else [user_namespace]))
        os._exit(0)
    os.close(gate_end)
    try:
        os.read(gate, 1)  # until the launcher has gone: only then is the controller this process's parent and hears of its end
        os.close(gate)
        os.close(REPORT)
        mounts.enter_root(orders)
        become(orders, user_namespace)
        execute(orders)
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends this process with its reason
        fail(error)


def new_user_namespace(first: int, count: int) -> tuple[int, int]:
    """(a descriptor, the process that holds it for now): ids 0 to count - 1 inside are `first` and following outside (user_namespaces(7))."""
    ready, ready_end = os.pipe()
    holder = os.fork()
    if holder == 0:
        try:
            kernel.unshare(CLONE_NEWUSER)
            os.write(ready_end, b"1")
            signal.pause()
        finally:
            os._exit(1)
    os.close(ready_end)
    if os.read(ready, 1) != b"1":
        raise OSError("a user namespace is refused")
    os.close(ready)
    for table in ("uid_map", "gid_map"):
        with open(f"/proc/{holder}/{table}", "w") as file:
            file.write(f"0 {first} {count}")
    return os.open(f"/proc/{holder}/ns/user", os.O_RDONLY | os.O_CLOEXEC), holder


def enter(orders: dict) -> None:  # type: ignore[type-arg]
    """Runs a program in a container's namespaces, which are given by descriptors, the user namespace last. `alone`: its processes have ended; the
    program gets a PID, network and IPC namespace that are new and empty."""
    *others, user_namespace = orders["enter"]
    for descriptor in others:
        kernel.setns(descriptor)
        os.close(descriptor)
    if orders["alone"]:
        kernel.unshare(CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC)
    child = os.fork()
    if child:
        os.close(user_namespace)
        report(child)
        signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGKILL))
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        os._exit(code if code >= 0 else 128 - code)
    try:
        os.close(REPORT)
        become(orders, user_namespace)
        execute(orders)
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends this process with its reason
        fail(error)


def become(orders: dict, user_namespace: int | None) -> None:  # type: ignore[type-arg]
    """Who the program is: every capability is given up with the change of user (capabilities(7), effect of user ID changes)."""
    if user_namespace is not None:
        kernel.setns(user_namespace)
        os.close(user_namespace)
        if orders["uid"] is None:  # bubblewrap's: its only user is no root, so that executing a program gives every capability up
            kernel.drop_bounding_set()
    if orders["uid"] is not None:
        os.setgroups([])
        os.setresgid(orders["gid"], orders["gid"], orders["gid"])
        kernel.drop_bounding_set()
        os.setresuid(orders["uid"], orders["uid"], orders["uid"])
    kernel.no_new_privileges()


def execute(orders: dict) -> None:  # type: ignore[type-arg]
    for each in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and what is ignored stays so over exec
        signal.signal(each, signal.SIG_DFL)
    env, argv = orders["env"], orders["argv"]
    if "LISTEN_FDS" in env:
        env["LISTEN_PID"] = str(os.getpid())
        for target, source in enumerate(orders["listen"], start=3):
            os.dup2(source, target, inheritable=True)
        for source in orders["listen"][-1:]:
            os.set_inheritable(source, source < 3 + len(orders["listen"]))
    os.umask(orders["umask"])
    os.chdir(orders["cwd"])
    program, missing = find_program(argv[0], env)
    if missing:
        sys.stderr.write(f"cannot run {argv[0]!r}: {os.strerror(missing)}\n")
        sys.stderr.flush()
        os._exit(127 if missing == errno.ENOENT else 126)
    if orders["seccomp"]:
        kernel.filter_system_calls(orders["seccomp"])
    if orders["init"]:
        os.execve(orders["init"], [orders["init"], "-g", "--", *argv], env)
    os.execve(program, argv, env)  # os.execvpe would import a module


def find_program(program: str, env: dict[str, str]) -> tuple[str, int]:
    """(its place, 0), or ("", why it cannot be executed: an errno)."""
    folders = [""] if "/" in program else env.get("PATH", os.defpath).split(":")
    places = [os.path.join(folder, program) for folder in folders]
    found = [place for place in places if os.path.isfile(place)]
    executable = next((place for place in found if os.access(place, os.X_OK)), "")
    return executable, 0 if executable else errno.EACCES if found else errno.ENOENT


def report(text: object, *descriptors: int) -> None:
    """To the controller: a process id, with descriptors of its mount and user namespace, or why there is none."""
    channel = _socket.socket(fileno=REPORT)
    rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, b"".join(each.to_bytes(4, sys.byteorder) for each in descriptors))] if descriptors else []
    channel.sendmsg([str(text).encode()[:1000]], rights)
    channel.close()


def fail(error: Exception) -> None:
    sys.stderr.write(f"the container cannot be set up: {error}\n")
    sys.stderr.flush()
    os._exit(125)


def run() -> None:
    try:
        main()
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends this process with its reason
        try:
            report(f"the container cannot be set up: {error}")
        except OSError:
            fail(error)
        os._exit(125)
