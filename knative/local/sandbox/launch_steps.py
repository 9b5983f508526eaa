"""Turn a new process into a container's program.

`launch.py` runs this with a specification, marshalled, on descriptor 0.

This is a program and not a `preexec_fn`: the platform has threads and is large, so none of its code may run between
fork and exec. As root it joins the container's control groups and network, creates the other namespaces, assembles the
container's file system from mounts, gives up every privilege and executes the program under an init that reaps orphans.
Two processes take part:

    launcher     joins control groups and the network namespace, creates mount, IPC, UTS, cgroup and PID namespaces, mounts everything but /proc,
                 forks, reports the child's pid on descriptor 3 and exits; the platform, a subreaper, becomes the child's parent
    child        process 1 of the new PID namespace: mounts /proc, pivots into the root, enters the user namespace, drops privileges, executes init

The mount, PID and network namespaces belong to the initial user namespace. The container's processes live in a user
namespace of their own and hold no capability over the others: no mount, route or host name can be changed from inside.

Descriptors: 0 the specification, 1 and 2 output, 3 a socket for the report (a pid, or a sentence that says what
failed), then those that the specification names by number.

Standard library only, and little of it, because this program is part of every cold start: `json` and `signal` import
`re` and `enum`, which take as long as the interpreter itself. After `disable_imports` no module can be imported:
everything that a step needs is imported at the top.
"""

import _signal as signal
import _socket
import errno
import fcntl
import marshal
import os
import resource
import sys
import termios

from knative.local.sandbox import launch_mounts as mounts
from knative.local.sandbox.launch_groups import join_control_groups
from knative.local.sandbox.launch_kernel import CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUTS, kernel
from knative.local.sandbox.launch_privileges import become_root_of_own_namespace, drop_privileges, new_user_namespace

REPORT = 3
OOM_SCORE = "500"
"""Tenants' processes are ended before the platform's when the machine runs out of memory
(proc_pid_oom_score_adj(5))."""


def main() -> None:
    disable_imports()
    spec = marshal.loads(os.read(0, os.fstat(0).st_size))
    if spec["stdin"] is None:
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    else:
        os.dup2(spec["stdin"], 0)
    inherited = [*spec["listen"], *spec["join"], *spec["keep"], *spec["enter"]]
    close_all_but(REPORT, *inherited)
    join_control_groups(spec["cgroups"])
    if spec["join"] or spec["root"] or spec["own_user_namespace"]:
        raise_oom_score()
    if spec["own_user_namespace"]:
        become_root_of_own_namespace()
    apply_limits(spec["limits"])
    if spec["enter"]:
        enter(spec)
    elif spec["root"]:
        run_in_sandbox(spec)
    else:
        join_namespaces(spec["join"])
        if spec["overlay"]:
            mounts.mount_overlay_as_user(spec["overlay"])
        report(os.getpid())
        drop_privileges(spec, None)
        execute(spec)


def raise_oom_score() -> None:
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write(OOM_SCORE)


def disable_imports() -> None:
    """Remove the import machinery: in a container's mount namespace a module's path may lead to a file that a tenant wrote."""
    sys.path.clear()
    sys.path_hooks.clear()
    sys.meta_path.clear()


def close_all_but(*inherited: int) -> None:
    """Close every descriptor above the standard ones except these."""
    low = 3
    for descriptor in sorted(inherited):
        os.closerange(low, descriptor)
        low = descriptor + 1
    kernel.close_range(low)


def apply_limits(limits: dict[str, int]) -> None:
    for name, value in limits.items():
        which = getattr(resource, name)
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))


def join_namespaces(descriptors: list[int]) -> None:
    """Enter namespaces in this order.

    A user namespace comes first: it gives the right to enter the network created in it.
    """
    for descriptor in descriptors:
        kernel.setns(descriptor)
        os.close(descriptor)


def run_in_sandbox(spec: dict) -> None:  # type: ignore[type-arg]
    join_namespaces(spec["join"])
    if not spec["pid_namespace"]:  # a process of the platform: a view of the file system and nothing else
        kernel.unshare(CLONE_NEWNS)
        mounts.assemble(spec, None)
        mounts.enter_root(spec)
        report(os.getpid())
        drop_privileges(spec, None)
        return execute(spec)
    if spec["init"] and mounts.has_own_root(spec):  # an image with a root of its own lacks it: it is executed by descriptor
        spec["init"] = os.open(spec["init"], os.O_RDONLY | os.O_CLOEXEC)
    user_namespace, holder = new_user_namespace(spec["first_id"], spec["ids"]) if spec["ids"] else (None, 0)
    kernel.unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWPID | (CLONE_NEWNET if spec["own_network"] else 0))
    kernel.sethostname(spec["hostname"])
    mounts.assemble(spec, user_namespace)
    if holder:
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)
    master, slave = mounts.open_terminal(spec) if spec["terminal"] == "own" else (-1, -1)
    gate, gate_end = os.pipe()
    child = os.fork()
    if child:
        opened = [os.open("/proc/self/ns/mnt", os.O_RDONLY), *([] if user_namespace is None else [user_namespace])]
        report(child, *opened, *([master] if spec["terminal"] == "own" else []))
        os._exit(0)
    os.close(gate_end)
    try:
        os.read(gate, 1)  # until the launcher has ended: only then is the platform this process's parent and reads its exit status
        os.close(gate)
        os.close(REPORT)
        if spec["terminal"] == "own":
            os.dup2(slave, 0)
            os.close(slave)
            os.close(master)
        mounts.enter_root(spec)
        drop_privileges(spec, user_namespace)
        execute(spec)
    except Exception as error:  # noqa: BLE001 - any failure ends this process with its reason
        fail(error)


def enter(spec: dict) -> None:  # type: ignore[type-arg]
    """Run a program in a container's namespaces: descriptors in `spec["enter"]`, the user namespace last.

    `is_container_ended`: the container's processes have ended, so the program gets new, empty PID, network and IPC
    namespaces.
    """
    *others, user_namespace = spec["enter"]
    for descriptor in others:
        kernel.setns(descriptor)
        os.close(descriptor)
    if spec["is_container_ended"]:
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
        drop_privileges(spec, user_namespace)
        execute(spec)
    except Exception as error:  # noqa: BLE001 - any failure ends this process with its reason
        fail(error)


def execute(spec: dict) -> None:  # type: ignore[type-arg]
    for each in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and exec keeps ignored signals ignored
        signal.signal(each, signal.SIG_DFL)
    env, argv = spec["env"], spec["argv"]
    if "LISTEN_FDS" in env:
        env["LISTEN_PID"] = str(os.getpid())
        for target, source in enumerate(spec["listen"], start=3):
            os.dup2(source, target, inheritable=True)
        for source in spec["listen"][-1:]:
            os.set_inheritable(source, source < 3 + len(spec["listen"]))
    os.umask(spec["umask"])
    os.chdir(spec["cwd"])
    program = find_program(argv[0], env)
    if isinstance(program, int):
        sys.stderr.write(f"cannot run {argv[0]!r}: {os.strerror(program)}\n")
        sys.stderr.flush()
        os._exit(127 if program == errno.ENOENT else 126)
    if spec["terminal"]:
        take_terminal()
    if spec["seccomp"]:
        kernel.filter_system_calls(spec["seccomp"])
    if spec["init"] is not None:
        os.execve(spec["init"], ["tini", "-g", "--", *argv], env)
    os.execve(program, argv, env)


def take_terminal() -> None:
    """Make the terminal on standard input the controlling terminal of a session of its own, and write output there too (setsid(2), tty(4))."""
    if os.getsid(0) != os.getpid():
        os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for output in (1, 2):
        os.dup2(0, output)


def find_program(name: str, env: dict[str, str]) -> str | int:
    """Return a program's path as a shell finds it, or the errno of the failure. (`os.execvpe` would import a module to do this.)"""
    folders = [""] if "/" in name else env.get("PATH", os.defpath).split(":")
    files = [path for folder in folders if os.path.isfile(path := os.path.join(folder, name))]
    if not files:
        return errno.ENOENT
    return next((path for path in files if os.access(path, os.X_OK)), errno.EACCES)


def report(text: object, *descriptors: int) -> None:
    """Send the platform a pid with descriptors of its mount and user namespace, or the reason of a failure."""
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
    except Exception as error:  # noqa: BLE001 - any failure ends this process with its reason
        try:
            report(f"the container cannot be set up: {error}")
        except OSError:
            fail(error)
        os._exit(125)
