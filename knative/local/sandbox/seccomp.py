"""The system call filter of every container, compiled once to BPF by libseccomp.

It follows the default profiles of container runtimes (Docker's documentation, "Seccomp security profiles for Docker"):
calls that administer the machine, load code into the kernel, create namespaces or bypass the file system's permissions
fail with EPERM. Calls that libseccomp does not know by name (newer than this filter) and calls of another architecture
(32-bit programs) fail with ENOSYS, as if the kernel did not have them.

Without libseccomp `compile_filter` returns None, and `up` reports that there is no filter.
"""

import ctypes
import ctypes.util
import errno
import os
import socket
import tempfile
from functools import cache

ALLOW, ERRNO = 0x7FFF0000, 0x00050000
NATIVE = 0
ACT_BADARCH = 2
EQUAL, GREATER_OR_EQUAL, MASKED_EQUAL = 4, 5, 7
HIGHEST_CALL = 470
"""Of the 64-bit tables in Linux 6.18. Only calls that libseccomp knows are allowed."""

REFUSED = (
    "acct", "add_key", "adjtimex", "bpf", "clock_adjtime", "clock_settime", "create_module", "delete_module", "fanotify_init", "finit_module",
    "fsconfig", "fsmount", "fsopen", "fspick", "get_kernel_syms", "init_module", "io_uring_enter", "io_uring_register", "io_uring_setup", "ioperm",
    "iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie", "lsm_set_self_attr", "mbind", "migrate_pages", "mknod", "mknodat",
    "modify_ldt", "mount", "mount_setattr", "move_mount", "move_pages", "name_to_handle_at", "nfsservctl", "open_by_handle_at", "open_tree",
    "perf_event_open", "pidfd_getfd", "pivot_root", "process_madvise", "process_vm_readv", "process_vm_writev", "ptrace", "query_module", "quotactl",
    "quotactl_fd", "reboot", "request_key", "set_mempolicy", "set_mempolicy_home_node", "setdomainname", "sethostname", "setns", "settimeofday",
    "stime", "swapoff", "swapon", "sysfs", "syslog", "_sysctl", "umount", "umount2", "unshare", "uselib", "userfaultfd", "ustat", "vhangup", "vm86",
    "vm86old", "chroot",
)  # fmt: skip
FIFO_ONLY = ("mknod", "mknodat")
NEW_NAMESPACES = 0x7E020080
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, NEWTIME."""
MOUNTING = ("mount", "umount2", "chroot", "pivot_root", "sethostname", "setdomainname")
"""Allowed to builds of Dockerfiles in addition, which hold CAP_SYS_ADMIN over their own mount namespace and nothing else."""
MOUNTING_NAMESPACES = 0x2C020000
"""CLONE_NEWNS, NEWUTS, NEWIPC, NEWPID: never a user or network namespace."""
DEVICE = {"mknod": 2, "mknodat": 3}
"""The argument with the device number. 0:0 is the whiteout of an overlay, which refers to no device (mknod(2), overlayfs)."""
PERSONALITIES = (0x0, 0x0008, 0x20000, 0x20008, 0xFFFFFFFF)
"""PER_LINUX, PER_LINUX32, UNAME26 with either, and the query of the current one."""
SOCKETS = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
"""Allowed families. AF_VSOCK would bypass the network namespace to a hypervisor; AF_ALG and others reach rarely used
kernel code."""
FAMILY_COUNT = 64
"""Above every family that exists."""
TERMINAL_INPUT = (0x5412, 0x541C)
"""TIOCSTI, TIOCLINUX: they insert input into a shared terminal."""
FILE_TYPE, FIFO, REGULAR, CHARACTER_DEVICE = 0o170000, 0o010000, 0o100000, 0o020000


class Comparison(ctypes.Structure):
    """struct scmp_arg_cmp of seccomp.h."""

    _fields_ = (("argument", ctypes.c_uint), ("operator", ctypes.c_int), ("first", ctypes.c_uint64), ("second", ctypes.c_uint64))


@cache
def library() -> ctypes.CDLL | None:
    """Load libseccomp; None when it is not installed."""
    name = ctypes.util.find_library("seccomp") or "libseccomp.so.2"
    try:
        found = ctypes.CDLL(name)
    except OSError:
        return None
    found.seccomp_init.restype = ctypes.c_void_p
    found.seccomp_release.argtypes = [ctypes.c_void_p]
    found.seccomp_attr_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32]
    found.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    found.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(Comparison)]
    found.seccomp_syscall_resolve_num_arch.restype = ctypes.c_void_p
    found.seccomp_syscall_resolve_num_arch.argtypes = [ctypes.c_uint32, ctypes.c_int]
    return found


@cache
def compile_filter(allows_mounts: bool = False) -> bytes | None:
    """Return BPF instructions (struct sock_filter); None when libseccomp is missing.

    `allows_mounts`: for a build of a Dockerfile, in a mount namespace of its own user namespace. Raises OSError when
    libseccomp refuses a rule.
    """
    found = library()
    return None if found is None else _compile(found, allows_mounts)


def _compile(found: ctypes.CDLL, allows_mounts: bool) -> bytes:
    context = found.seccomp_init(ERRNO | errno.ENOSYS)
    if not context:
        raise OSError("libseccomp cannot create a filter")
    try:
        found.seccomp_attr_set(context, ACT_BADARCH, ERRNO | errno.ENOSYS)
        for number in range(HIGHEST_CALL + 1):
            name = _call_name(found, number)
            if name is not None:
                for action, comparisons in rules(name, allows_mounts):
                    _add(found, context, action, number, comparisons)
        with tempfile.TemporaryFile() as file:
            if found.seccomp_export_bpf(context, file.fileno()) < 0:
                raise OSError("libseccomp cannot export the filter")
            file.seek(0)
            return file.read()
    finally:
        found.seccomp_release(context)


def rules(name: str, allows_mounts: bool = False) -> list[tuple[int, list[Comparison]]]:
    """Return the (action, comparisons of arguments) of one system call.

    A call is allowed when one of its rules allows it.
    """
    refused = ERRNO | errno.EPERM
    if name == "clone" or (allows_mounts and name == "unshare"):  # the first argument, on all architectures but s390
        forbidden = NEW_NAMESPACES & ~(MOUNTING_NAMESPACES if allows_mounts else 0)
        flags = [1 << bit for bit in range(32) if forbidden >> bit & 1]
        return [(ALLOW, [Comparison(0, MASKED_EQUAL, forbidden, 0)]), *((refused, [Comparison(0, MASKED_EQUAL, flag, flag)]) for flag in flags)]
    if name == "clone3":  # its flags are in memory, which a filter cannot read; C libraries fall back to clone
        return []
    if name == "personality":
        return [(ALLOW, [Comparison(0, EQUAL, value, 0)]) for value in PERSONALITIES]
    if name == "socket":
        unknown = ERRNO | errno.EAFNOSUPPORT
        others = [(unknown, [Comparison(0, EQUAL, family, 0)]) for family in range(FAMILY_COUNT) if family not in SOCKETS]
        return [
            *((ALLOW, [Comparison(0, EQUAL, family, 0)]) for family in SOCKETS),
            *others,
            (unknown, [Comparison(0, GREATER_OR_EQUAL, FAMILY_COUNT, 0)]),
        ]
    if name == "ioctl":
        low, high = sorted(TERMINAL_INPUT)
        return [(refused, [Comparison(1, MASKED_EQUAL, 0xFFFFFFFF, value)]) for value in (low, high)] + [(ALLOW, [])]
    if name in FIFO_ONLY:
        mode = 1 if name == "mknod" else 2
        allowed = [(ALLOW, [Comparison(mode, MASKED_EQUAL, FILE_TYPE, kind)]) for kind in (FIFO, REGULAR, 0o140000, 0)]
        whiteout = [Comparison(mode, MASKED_EQUAL, FILE_TYPE, CHARACTER_DEVICE), Comparison(DEVICE[name], EQUAL, 0, 0)]
        return [*allowed, (ALLOW, whiteout)] if allows_mounts else allowed
    if allows_mounts and name in MOUNTING:
        return [(ALLOW, [])]
    return [(refused if name in REFUSED else ALLOW, [])]


def _call_name(found: ctypes.CDLL, number: int) -> str | None:
    pointer = found.seccomp_syscall_resolve_num_arch(_native_architecture(found), number)
    if not pointer:
        return None
    name = ctypes.string_at(pointer).decode()
    ctypes.CDLL(None).free(ctypes.c_void_p(pointer))
    return name


def _native_architecture(found: ctypes.CDLL) -> int:
    found.seccomp_arch_native.restype = ctypes.c_uint32
    return int(found.seccomp_arch_native())


def _add(found: ctypes.CDLL, context: int, action: int, number: int, comparisons: list[Comparison]) -> None:
    array = (Comparison * len(comparisons))(*comparisons)
    code = found.seccomp_rule_add_array(context, action, number, len(comparisons), array)
    if code < 0:
        raise OSError(-code, f"libseccomp refuses a rule for system call {number}: {os.strerror(-code)}")
