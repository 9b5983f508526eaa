"""Sandboxes that differ from an application's usual one: images with a root file system of their own, and the builds that make them (pure).

An image with a root file system of its own is written for a container engine: its user is often 0, and its programs
change owners and users. User 0 of such a container is 0 in its own user namespace only, and holds these capabilities
over its own ids only. It sees no more, and the system call filter is the same as for every application.

A build of a Dockerfile needs more: it assembles root file systems from mounts. Its user 0 holds CAP_SYS_ADMIN over a
mount namespace of its own, below the locked mounts of its sandbox, and the filter allows the calls that mount. The
network, PID and IPC namespaces and all limits are those of every build.
"""

from dataclasses import replace

from knative.local.images.image import OwnRoot
from knative.local.sandbox.identities import APPLICATION_USER
from knative.local.sandbox.isolation import static_init_program
from knative.local.sandbox.plan import Sandbox

CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE = 0, 1, 2, 3, 4, 5, 6, 7, 8, 10
SYS_CHROOT, SYS_ADMIN, SETFCAP = 18, 21, 31
"""capabilities(7), linux/capability.h."""
RUN = (CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID)
"""Docker's default without those for devices, raw sockets, audit, chroot and file capabilities. Ports need none here."""
BUILD = (*RUN, DAC_READ_SEARCH, SETPCAP, NET_BIND_SERVICE, SYS_CHROOT, SYS_ADMIN, SETFCAP)
"""What buildah gives to RUN instructions (Docker's default), and SYS_ADMIN to mount."""
"""Tells the builder that its sandbox allows builds of Dockerfiles (`knative.builder.containers.separation`)."""
NO_OWN_ROOTS = (
    "an image with a root file system of its own needs a Capsule that root started, on Linux 5.19 or newer with overlay mounts and libseccomp; "
    "./taskw status says what this machine lacks"
)


def with_own_root(sandbox: Sandbox, own_root: OwnRoot, is_writable: bool) -> Sandbox:
    """Return the sandbox of an application whose image has a root file system of its own."""
    return replace(
        sandbox, uid=own_root.uid, gid=own_root.gid, groups=own_root.groups, capabilities=RUN if own_root.uid == 0 else (),
        init=static_init_program(), has_read_only_root=not is_writable,
    )  # fmt: skip


def with_mounting(sandbox: Sandbox, filter: bytes | None) -> Sandbox:
    """Return the sandbox of a build that may build a Dockerfile. `filter`: its system call filter."""
    return replace(
        sandbox, uid=0, gid=0, owner=APPLICATION_USER, capabilities=BUILD, own_mounts=True, filter=filter, reader=sandbox.filter,
    )  # fmt: skip
