"""User namespaces, users and capabilities of a container (user_namespaces(7), capabilities(7)). Used by `launch`; standard library only."""

import _signal as signal
import os

from knative.local.sandbox.launch_kernel import CLONE_NEWNS, CLONE_NEWUSER, MS_PRIVATE, MS_REC, kernel


def become_root_of_own_namespace() -> None:
    """Create a user namespace whose root is this user.

    Call it before `apply_limits`: RLIMIT_NPROC then counts in this namespace (getrlimit(2)).
    """
    user, group = os.getuid(), os.getgid()
    kernel.unshare(CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def new_user_namespace(first: int, count: int) -> tuple[int, int]:
    """Create a user namespace in which ids 0 to count - 1 are `first` and following outside (user_namespaces(7)).

    Returns a descriptor, and the pid of the process that holds the namespace until the caller kills it.
    """
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


def drop_privileges(spec: dict, user_namespace: int | None) -> None:  # type: ignore[type-arg]
    """Change to the program's user.

    Executing the program gives up every capability, except those that the specification lets user 0 keep over its own
    user namespace (capabilities(7)).
    """
    if user_namespace is not None:
        kernel.setns(user_namespace)
        os.close(user_namespace)
        if spec["uid"] is None:  # bubblewrap's namespace: its only user is not root, so executing a program gives up every capability
            kernel.drop_bounding_set()
    if spec["uid"] is not None:
        if spec[
            "own_mounts"
        ]:  # a copy of the mounts, which belongs to the user namespace: what was mounted before stays locked (mount_namespaces(7))
            kernel.unshare(CLONE_NEWNS)
            kernel.mount("none", "/", "", MS_REC | MS_PRIVATE)
        os.setgroups(spec["groups"])
        os.setresgid(spec["gid"], spec["gid"], spec["gid"])
        kernel.drop_bounding_set(tuple(spec["capabilities"]))
        os.setresuid(spec["uid"], spec["uid"], spec["uid"])
    kernel.no_new_privileges()
