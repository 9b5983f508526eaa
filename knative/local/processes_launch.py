"""The last step before a pod's program runs, in the process that becomes it: `python -I -S processes_launch.py`, its orders on stdin.

A separate program and no `preexec_fn`: the parent has threads and is large, so between fork and exec nothing of it may run. Whoever was
root joins the pod's control groups, builds the pod's own file system out of bind mounts (the image, the system's programs, the pod's folder
and nothing else), changes into it, takes the pod's uid and gives up every way back. Standard library only, and little of it: it is on
every application's cold start.
"""

import json
import os
import resource
import signal
import sys

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
CLONE_NEWNS, CLONE_NEWIPC = 0x00020000, 0x08000000
PR_SET_NO_NEW_PRIVS = 38
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def main() -> None:
    orders = json.load(os.fdopen(os.dup(0)))
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    apply_limits(orders)
    join(orders["join"])
    if orders["root"]:
        build_root(orders["root"], orders["mounts"], orders["links"])
    become(orders["uid"])
    for each in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and what is ignored stays so over exec
        signal.signal(each, signal.SIG_DFL)
    env = orders["env"]
    if "LISTEN_FDS" in env:
        env["LISTEN_PID"] = str(os.getpid())
    argv = orders["argv"]
    try:
        os.chdir(orders["cwd"])
        os.execvpe(argv[0], argv, env)
    except OSError as error:
        sys.stderr.write(f"cannot run {argv[0]!r}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


def apply_limits(orders: dict) -> None:  # type: ignore[type-arg]
    for folder in orders["cgroups"]:
        with open(os.path.join(folder, "cgroup.procs"), "w") as file:
            file.write("0")
    for name, value in orders["limits"].items():
        which = getattr(resource, name)
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))


def join(namespaces: list[str]) -> None:
    """A user namespace first, if there is one: it gives the right to enter the network that was made in it."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    opened = [os.open(path, os.O_RDONLY) for path in namespaces]  # all before the first is entered: from there their names mean nothing
    for namespace in opened:
        if libc.setns(namespace, 0) != 0:
            raise OSError(ctypes.get_errno(), "the pod's network cannot be entered")
        os.close(namespace)


def become(uid: int | None) -> None:
    if uid is None:
        return
    import ctypes

    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs is refused")


def build_root(root: str, mounts: list[list], links: list[list[str]]) -> None:  # type: ignore[type-arg]
    """A file system of the given mounts only; what is made lives as long as this process and its children."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)

    def call(result: int, what: str) -> None:
        if result != 0:
            code = ctypes.get_errno()
            raise OSError(code, f"{what}: {os.strerror(code)}")

    def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
        words = source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags), data.encode() or None
        call(libc.mount(*words), f"mount {target}")

    call(libc.unshare(CLONE_NEWNS | CLONE_NEWIPC), "unshare")
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m")
    for source, target, writable in mounts:
        place = root + target
        if os.path.isdir(source):
            os.makedirs(place, exist_ok=True)
        elif not os.path.lexists(place):
            os.makedirs(os.path.dirname(place), exist_ok=True)
            os.close(os.open(place, os.O_CREAT | os.O_WRONLY, 0o644))
        mount(source, place, "", MS_BIND)
        mount("none", place, "", MS_BIND | MS_REMOUNT | MS_NOSUID | MS_NODEV | (0 if writable else MS_RDONLY))
    for target, name in links:
        os.makedirs(os.path.dirname(root + name), exist_ok=True)
        os.symlink(target, root + name)
    os.makedirs(root + "/dev", exist_ok=True)
    for device in DEVICES:
        place = f"{root}/dev/{device}"
        os.close(os.open(place, os.O_CREAT | os.O_WRONLY, 0o666))
        mount(f"/dev/{device}", place, "", MS_BIND)
    for name, target in (
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ):
        os.symlink(target, f"{root}/dev/{name}")
    os.makedirs(root + "/dev/shm")
    mount("tmpfs", root + "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=64m")
    os.makedirs(root + "/proc")
    mount("proc", root + "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=2")
    mount("none", root, "", MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)
    os.chroot(root)
    os.chdir("/")


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends this process with its reason
        sys.stderr.write(f"the pod's process cannot be set up: {error}\n")
        sys.stderr.flush()
        os._exit(125)
