"""What a hostile program tries as user 0 of a build that may mount: more than a RUN instruction is given. Standard library only.

Prints `GOT` and a JSON list of what it got.
"""

import ctypes
import json
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

from tests.knative.sandbox import attempts

MS_RDONLY, MS_REMOUNT, MS_BIND, MNT_DETACH = 1, 32, 4096, 2
CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWCGROUP = 0x10000000, 0x40000000, 0x02000000
libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str, flags: int = 0) -> bool:
    return bool(libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), None) == 0)


def file_systems() -> list[str]:
    """File systems that show or control the kernel or a disk."""
    got = []
    for kind, source in (
        ("proc", "proc"), ("sysfs", "sysfs"), ("cgroup", "none"), ("cgroup2", "none"), ("debugfs", "none"), ("tracefs", "none"),
        ("securityfs", "none"),
        ("devtmpfs", "none"), ("configfs", "none"), ("efivarfs", "none"), ("ext4", "/dev/loop0"), ("ext4", "/dev/vda"), ("9p", "none"),
    ):  # fmt: skip
        os.makedirs(f"/workspace/{kind}", exist_ok=True)
        if mount(source, f"/workspace/{kind}", kind):
            got.append(f"mounted {kind} from {source}")
    return got


def read_only_mounts() -> list[str]:
    """Locked mounts: writable again, or removed from above what they hide."""
    got = []
    for place in ("/usr", "/etc", "/proc/sys", "/dev", os.getcwd(), "/run/capsule"):
        if not os.path.isdir(place):
            continue
        mount("none", place, "", MS_REMOUNT | MS_BIND)
        mount("none", place, "", MS_REMOUNT)
        try:
            os.close(os.open(f"{place}/capsule-was-here", os.O_CREAT | os.O_WRONLY))
        except OSError:
            continue
        got.append(f"wrote to {place}")
    for place in ("/proc/kcore", "/proc/acpi", "/proc/sys", "/proc/timer_list", "/usr", "/etc/resolv.conf"):
        if os.path.lexists(place) and libc.umount2(place.encode(), MNT_DETACH) == 0:
            got.append(f"unmounted {place}")
    return got


def devices() -> list[str]:
    got = []
    for name, kind in (("loop0", 0o060000), ("mem", 0o020000), ("kmsg", 0o020000)):
        with suppress(OSError):
            os.mknod(f"/workspace/{name}", kind | 0o666, os.makedev(7 if name == "loop0" else 1, 0 if name == "loop0" else 1))
            got.append(f"created {name}")
    return got


def namespaces() -> list[str]:
    got = []
    for name, flag in (("user", CLONE_NEWUSER), ("network", CLONE_NEWNET), ("cgroup", CLONE_NEWCGROUP)):
        if libc.unshare(flag) == 0:
            got.append(f"created a {name} namespace")
    for path in ("/proc/1/ns/mnt", "/proc/1/ns/user", "/proc/1/ns/net"):
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY)
            if libc.setns(descriptor, 0) == 0:
                got.append(f"entered {path}")
    return got


def network() -> list[str]:
    """Change the routes that refuse this machine's addresses (SIOCDELRT), or open raw sockets."""
    import fcntl

    got = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control, suppress(OSError):
        fcntl.ioctl(control, 0x890C, b"\0" * 120)
        got.append("deleted a route")
    for family, kind in ((socket.AF_PACKET, socket.SOCK_RAW), (socket.AF_INET, socket.SOCK_RAW)):
        with suppress(OSError):
            socket.socket(family, kind, 1).close()
            got.append(f"a raw socket of family {family}")
    return got


def controls() -> list[str]:
    got = []
    for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger", "/proc/1/oom_score_adj"):
        with suppress(OSError), open(path, "w") as file:
            file.write("-1000" if path.endswith("adj") else "1")
            file.flush()
            got.append(f"wrote {path}")
    return got


def main() -> None:
    others = json.loads(sys.argv[1])
    got = [*attempts.attempt(others)]
    probes: tuple[Callable[[], list[str]], ...] = (file_systems, read_only_mounts, devices, namespaces, network, controls)
    for probe in probes:
        got += probe()
    facts = {"uid": os.getuid(), "tmpfs": mount("none", "/workspace", "tmpfs")}
    print("FACTS", json.dumps(facts), flush=True)
    print("GOT", json.dumps(got), flush=True)


if __name__ == "__main__":
    main()
