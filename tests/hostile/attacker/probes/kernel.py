"""System calls that a container does not need. The list follows what moby's default seccomp profile refuses without a capability
(https://docs.docker.com/engine/security/seccomp/, "Significant syscalls blocked by the default profile"), which CIS Docker 5.22 requires.

Each is called with arguments that change nothing even if the call is allowed: the kernel checks the caller's rights before the arguments.
"""

import ctypes
import os
import platform
import socket

from . import in_child, privileged_on_host

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE = {"mnt": 0x00020000, "cgroup": 0x02000000, "uts": 0x04000000, "ipc": 0x08000000, "user": 0x10000000, "pid": 0x20000000, "net": 0x40000000}
SIGCHLD = 17
X86_64, AARCH64 = 0, 1
NUMBERS = {
    "unshare": (272, 97), "clone": (56, 220), "clone3": (435, 435), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsmount": (432, 432),
    "mount_setattr": (442, 442), "bpf": (321, 280), "perf_event_open": (298, 241), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "kexec_load": (246, 104), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "open_by_handle_at": (304, 265), "io_uring_setup": (425, 425), "userfaultfd": (323, 282), "personality": (135, 92), "quotactl": (179, 60),
    "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142), "clock_settime": (227, 112), "sethostname": (170, 161),
    "setdomainname": (171, 162), "acct": (163, 89), "syslog": (103, 116), "lookup_dcookie": (212, 18), "fanotify_init": (300, 262),
    "vhangup": (153, 58), "process_vm_readv": (310, 270), "kcmp": (312, 272),
}  # fmt: skip
ADDR_NO_RANDOMIZE = 0x0040000
INVALID = -1
"""An invalid length, pointer or descriptor."""


def call(name, *arguments):
    """Make a system call. Raises OSError."""
    column = {"x86_64": X86_64, "aarch64": AARCH64}[platform.machine()]
    return check(LIBC.syscall(NUMBERS[name][column], *arguments))


def check(result):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def clone(flags):
    if call("clone", flags | SIGCHLD, None, None, None, None) == 0:
        os._exit(0)


def clone3(flags):
    """Use struct clone_args, first version: 64 bytes, the fifth word is the exit signal."""
    arguments = (ctypes.c_uint64 * 8)(flags, 0, 0, 0, SIGCHLD, 0, 0, 0)
    if call("clone3", ctypes.byref(arguments), 64) == 0:
        os._exit(0)


def enter(kind):
    descriptor = os.open(f"/proc/self/ns/{kind}", os.O_RDONLY)
    call("setns", descriptor, 0)


def set_clock():
    """Set an impossible time: a caller with the right gets EINVAL."""
    call("clock_settime", 0, ctypes.byref((ctypes.c_long * 2)(0, 2_000_000_000)))


def calls():
    """Return name → attempt."""
    zeros = ctypes.create_string_buffer(128)
    attributes = ctypes.create_string_buffer(128)
    attributes[0:8] = (1).to_bytes(4, "little") + (112).to_bytes(4, "little")  # perf: a software counter
    creation = ctypes.create_string_buffer(128)
    creation[0:16] = b"".join(number.to_bytes(4, "little") for number in (2, 4, 4, 1))  # bpf: an array of one word
    key = (b"user", b"capsule-probe", b"x", 1)
    found = {f"unshare {kind}": (lambda flag=flag: call("unshare", flag)) for kind, flag in CLONE.items()}
    found |= {f"setns {kind}": (lambda kind=kind: enter(kind)) for kind in ("user", "mnt", "net", "pid")}
    return found | {
        "clone user": lambda: clone(CLONE["user"]),
        "clone3 user": lambda: clone3(CLONE["user"]),
        "mount tmpfs": lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
        "mount proc": lambda: call("mount", b"proc", b"/proc", b"proc", 0, None),
        "remount root": lambda: call("mount", None, b"/", None, 0x20 | 0x1000, None),
        "umount proc": lambda: call("umount2", b"/proc", 2),
        "pivot_root": lambda: call("pivot_root", b"/", b"/"),
        "chroot": lambda: call("chroot", b"/tmp"),
        "open_tree": lambda: call("open_tree", -100, b"/", 1),
        "move_mount": lambda: call("move_mount", INVALID, b"", INVALID, b"", 0),
        "fsopen": lambda: call("fsopen", b"tmpfs", 0),
        "fsmount": lambda: call("fsmount", INVALID, 0, 0),
        "mount_setattr": lambda: call("mount_setattr", -100, b"/", 0, zeros, 32),
        "bpf": lambda: call("bpf", 0, creation, 72),
        "perf_event_open": lambda: call("perf_event_open", attributes, 0, -1, -1, 0),
        "keyctl": lambda: call("keyctl", 0, -3, 1),
        "add_key": lambda: call("add_key", *key, -2),
        "request_key": lambda: call("request_key", b"user", b"capsule-probe", None, -2),
        "kexec_load": lambda: call("kexec_load", 0, INVALID, None, 0),
        "init_module": lambda: call("init_module", None, 0, b""),
        "finit_module": lambda: call("finit_module", INVALID, b"", 0),
        "delete_module": lambda: call("delete_module", b"capsule_probe", 0x800),
        "open_by_handle_at": lambda: call("open_by_handle_at", -100, zeros, 0),
        "io_uring_setup": lambda: call("io_uring_setup", 1, zeros),
        "userfaultfd": lambda: call("userfaultfd", 1),
        "personality": lambda: call("personality", ADDR_NO_RANDOMIZE),
        "quotactl": lambda: call("quotactl", 0x800002 << 8, b"/dev/none", 0, None),
        "swapon": lambda: call("swapon", b"/capsule-probe", 0),
        "swapoff": lambda: call("swapoff", b"/capsule-probe"),
        "reboot": lambda: call("reboot", 0, 0, 0, None),  # wrong magic numbers: it cannot happen
        "clock_settime": set_clock,
        "sethostname": lambda: call("sethostname", None, INVALID),
        "setdomainname": lambda: call("setdomainname", None, INVALID),
        "acct": lambda: call("acct", b"/capsule-probe"),
        "syslog": lambda: call("syslog", 3, zeros, 64),
        "lookup_dcookie": lambda: call("lookup_dcookie", 0, zeros, 0),
        "fanotify_init": lambda: call("fanotify_init", 0, 0),
        "vhangup": lambda: call("vhangup"),
        "setuid 0": lambda: os.setuid(0),
        "setgid 0": lambda: os.setgid(0),
        "setgroups": lambda: os.setgroups([0]),
        "raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close(),
        "raw socket v6": lambda: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6).close(),
        "packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x0300).close(),
        "vsock socket": lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close(),
    }


def collect(targets):
    """Refuse to run as root of the machine itself, where the calls would have effects."""
    if privileged_on_host():
        return {"refused": "these probes would be allowed here"}
    return {"calls": {name: in_child(attempt) for name, attempt in calls().items()}}
