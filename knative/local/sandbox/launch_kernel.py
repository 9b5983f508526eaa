"""Linux system calls that Python's standard library (3.11) lacks, by ctypes.

Each raises OSError with the name of the call.

Calls added since Linux 5.1 have the same number on every architecture (Documentation/process/adding-syscalls). `launch`
uses this module without the project's packages: standard library only.
"""

import ctypes
import fcntl
import os
import struct

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_NOATIME, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 32, 1024, 4096, 16384, 1 << 18
MNT_DETACH = 2
OPEN_TREE_CLONE, O_CLOEXEC, AT_FDCWD, AT_EMPTY_PATH, MOVE_MOUNT_F_EMPTY_PATH = 1, 0o2000000, -100, 0x1000, 4
MOUNT_ATTR_IDMAP = 0x00100000
SYS_OPEN_TREE, SYS_MOVE_MOUNT, SYS_CLOSE_RANGE, SYS_MOUNT_SETATTR = 428, 429, 436, 442
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 24, 38, 2
EINVAL, EBUSY = 22, 16
LOOP_CONFIGURE, LOOP_CTL_GET_FREE = 0x4C0A, 0x4C82
LO_FLAGS_READ_ONLY, LO_FLAGS_AUTOCLEAR = 1, 4


class Kernel:
    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def _check(self, result: int, call: str) -> int:
        if result < 0:
            code = ctypes.get_errno()
            raise OSError(code, f"{call}: {os.strerror(code)}")
        return result

    def unshare(self, flags: int) -> None:
        self._check(self._libc.unshare(flags), "unshare")

    def setns(self, descriptor: int) -> None:
        self._check(self._libc.setns(descriptor, 0), "setns")

    def sethostname(self, name: str) -> None:
        encoded = name.encode()[:63]
        self._check(self._libc.sethostname(encoded, len(encoded)), "sethostname")

    def mount(self, source: str, target: str, kind: str, flags: int, data: str = "") -> None:
        words = source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags), data.encode() or None
        self._check(self._libc.mount(*words), f"mount {target}")

    def unmount(self, target: str, flags: int = 0) -> None:
        self._check(self._libc.umount2(target.encode(), flags), f"umount {target}")

    def pivot_root(self, new: str, old: str) -> None:
        self._check(self._libc.syscall(PIVOT_ROOT[os.uname().machine], new.encode(), old.encode()), "pivot_root")

    def close_range(self, first: int) -> None:
        self._check(self._libc.syscall(SYS_CLOSE_RANGE, ctypes.c_uint(first), ctypes.c_uint(0xFFFFFFFF), 0), "close_range")

    def mount_mapped(self, source: str, target: str, user_namespace: int, attributes: int = 0) -> None:
        """Bind mount a folder so that owner n of a file becomes n as the user namespace maps it (mount_setattr(2), ID-mapped mounts)."""
        tree = self._check(self._libc.syscall(SYS_OPEN_TREE, AT_FDCWD, source.encode(), OPEN_TREE_CLONE | O_CLOEXEC), f"open_tree {source}")
        try:
            attr = ctypes.create_string_buffer(struct.pack("QQQQ", attributes | MOUNT_ATTR_IDMAP, 0, 0, user_namespace), 32)
            self._check(self._libc.syscall(SYS_MOUNT_SETATTR, tree, b"", AT_EMPTY_PATH, attr, 32), f"mount_setattr {source}")
            self._check(self._libc.syscall(SYS_MOVE_MOUNT, tree, b"", AT_FDCWD, target.encode(), MOVE_MOUNT_F_EMPTY_PATH), f"move_mount {target}")
        finally:
            os.close(tree)

    def no_new_privileges(self) -> None:
        self._check(self._libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")

    def drop_bounding_set(self, kept: tuple[int, ...] = ()) -> None:
        """Executed programs hold at most the capabilities in `kept`, and these only if their user is 0 (capabilities(7))."""
        for capability in range(64):
            if capability in kept:
                continue
            if self._libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
                if ctypes.get_errno() == EINVAL:  # past the last capability of this kernel
                    return
                self._check(-1, "capability bounding set")

    def filter_system_calls(self, program: bytes) -> None:
        """Install a seccomp filter, which cannot be removed.

        `program`: BPF instructions (struct sock_filter, 8 bytes each).
        """
        code = ctypes.create_string_buffer(program, len(program))
        fprog = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
        self._check(self._libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, fprog, 0, 0), "seccomp")

    def loop_device(self, image: str, read_only: bool = False) -> tuple[str, int]:
        """Attach a file to a loop device.

        Returns the device's path and a descriptor to hold until it is mounted; the last unmount detaches it (loop(4)).
        """
        file = os.open(image, (os.O_RDONLY if read_only else os.O_RDWR) | os.O_CLOEXEC | os.O_NOFOLLOW)
        control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
        # struct loop_config: fd, block_size, loop_info64 (lo_flags at byte 52 of its 232), 64 reserved bytes
        flags = LO_FLAGS_AUTOCLEAR | (LO_FLAGS_READ_ONLY if read_only else 0)
        config = struct.pack("II52xI176x64x", file, 0, flags)
        try:
            for _ in range(1000):
                number = fcntl.ioctl(control, LOOP_CTL_GET_FREE)
                device = f"/dev/loop{number}"
                try:
                    opened = os.open(device, (os.O_RDONLY if read_only else os.O_RDWR) | os.O_CLOEXEC)
                except (FileNotFoundError, OSError):
                    continue
                try:
                    fcntl.ioctl(opened, LOOP_CONFIGURE, config)
                except OSError as error:
                    os.close(opened)
                    if error.errno == EBUSY:  # another process took the device first
                        continue
                    raise
                return device, opened
            raise OSError("no loop device is free")
        finally:
            os.close(control)
            os.close(file)


kernel = Kernel()
