"""Write the entries of an archive below one folder, within limits.

Every folder and file is created relative to a directory descriptor, with O_NOFOLLOW and O_EXCL: no write passes through
a symbolic link.
"""

import errno
import os
import stat
from typing import NamedTuple

from knative.local.unpacking.archive import FOLDER, HARD_LINK, REGULAR, SYMBOLIC_LINK, Archive, Entry, Refused, printable

MIB, IDS = 1 << 20, 65_536
MAX_DEPTH, MAX_NAME_BYTES, MAX_PATH_BYTES, MAX_TARGET_BYTES = 100, 255, 1024, 4096
LATEST_MTIME, REFUSED = 1 << 33, 3
REFUSED_TYPES = {b"3": "a character device", b"4": "a block device", b"6": "a named pipe", b"S": "a sparse archive member"}
OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
CREATE_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Limits(NamedTuple):
    """Bytes of all files together, bytes of a single file, number of files, folders and links."""

    bytes: int = 1 << 30
    file_bytes: int = 1 << 30
    entries: int = 200_000


class Unpacker:
    """Writes entries below one folder, which must be empty."""

    def __init__(self, folder: int, prefix: bytes, limits: Limits, keeps_owners: bool = False) -> None:
        self._root, self._prefix, self._limits, self._keeps_owners = folder, prefix, limits, keeps_owners
        self._chain: list[tuple[bytes, int]] = []  # the open folders on the path of the last entry: (name, descriptor)
        self._entries = self._bytes = 0

    def unpack(self, archive: Archive) -> None:
        """Unpack all entries. Raises Refused; OSError when a file cannot be written."""
        first = archive.next()
        if first is None or first.name.rstrip(b"/") != self._prefix or first.type != FOLDER:
            raise Refused(f"The build left no folder {printable(self._prefix)}.")
        try:
            while (entry := archive.next()) is not None:
                self._entries += 1
                if self._entries > self._limits.entries:
                    raise Refused(f"The image has more than {self._limits.entries:,} files and folders.")
                self._add(entry, archive)
        finally:
            self._close_below(0)

    def _add(self, entry: Entry, archive: Archive) -> None:
        *parents, name = self._parts(entry.name, entry.type == FOLDER)
        if entry.size and entry.type not in REGULAR:
            raise Refused(f"{printable(entry.name)} has content although it is not a file.")
        try:
            if entry.type in REGULAR:
                self._create_file(parents, name, entry, archive)
            elif entry.type == FOLDER:
                os.mkdir(name, 0o755, dir_fd=self._folder(parents, entry.name))
                self._set_owner(entry, name, self._folder(parents, entry.name))
            elif entry.type == SYMBOLIC_LINK:
                self._create_symlink(parents, name, entry)
            elif entry.type == HARD_LINK:
                self._create_hard_link(parents, name, entry)
            else:
                kind = REFUSED_TYPES.get(entry.type, f"of the unknown type {entry.type!r}")
                raise Refused(f"{printable(entry.name)} is {kind}; an image holds files, folders and links only.")
        except FileExistsError:
            raise Refused(f"The image's archive contains {printable(entry.name)} twice.") from None

    def _create_file(self, parents: list[bytes], name: bytes, entry: Entry, archive: Archive) -> None:
        if not 0 <= entry.size <= self._limits.file_bytes:
            raise Refused(f"The file {printable(entry.name)} has {entry.size:,} bytes; a file of an image has at most {self._limits.file_bytes:,}.")
        self._bytes += entry.size
        if self._bytes > self._limits.bytes:
            raise Refused(f"The image is larger than {self._limits.bytes // MIB:,} MiB.")
        file = os.open(name, CREATE_FILE, 0o755 if entry.mode & 0o111 else 0o644, dir_fd=self._folder(parents, entry.name))
        try:
            archive.copy_content(entry.size, file)
            mtime = entry.mtime if 0 <= entry.mtime < LATEST_MTIME else 0
            self._set_owner(entry, file)
            os.utime(file, (mtime, mtime))
        finally:
            os.close(file)

    def _create_symlink(self, parents: list[bytes], name: bytes, entry: Entry) -> None:
        if not 0 < len(entry.target) < MAX_TARGET_BYTES or b"\0" in entry.target:
            raise Refused(f"The link {printable(entry.name)} has a target of {len(entry.target):,} bytes or with a NUL in it.")
        os.symlink(entry.target, name, dir_fd=self._folder(parents, entry.name))
        self._set_owner(entry, name, self._folder(parents, entry.name))

    def _set_owner(self, entry: Entry, place: bytes | int, folder: int | None = None) -> None:
        """`place`: a file's descriptor, or a name in a folder's descriptor."""
        if not self._keeps_owners:
            return
        if not (0 <= entry.uid < IDS and 0 <= entry.gid < IDS):
            raise Refused(f"{printable(entry.name)} belongs to user {entry.uid} or group {entry.gid}; an image has ids below {IDS:,}.")
        os.chown(place, entry.uid, entry.gid, dir_fd=folder, follow_symlinks=folder is None)
        if entry.type != SYMBOLIC_LINK:
            os.chmod(place, entry.mode & 0o1777, dir_fd=folder)

    def _create_hard_link(self, parents: list[bytes], name: bytes, entry: Entry) -> None:
        *source_parents, source = self._parts(entry.target, False)
        folder = os.dup(self._folder(source_parents, entry.target))
        try:
            if not stat.S_ISREG(os.stat(source, dir_fd=folder, follow_symlinks=False).st_mode):
                raise Refused(f"{printable(entry.name)} links to {printable(entry.target)}, which is not a file.")
            os.link(source, name, src_dir_fd=folder, dst_dir_fd=self._folder(parents, entry.name), follow_symlinks=False)
        except FileNotFoundError:
            raise Refused(f"{printable(entry.name)} links to {printable(entry.target)}, which is not in the image.") from None
        finally:
            os.close(folder)

    def _parts(self, path: bytes, is_folder: bool) -> list[bytes]:
        """Return the components of a path below the prefix. Raises Refused for any other path."""
        parts = path.removesuffix(b"/").split(b"/") if is_folder else path.split(b"/")
        if len(path) > MAX_PATH_BYTES + len(self._prefix) + 1:
            raise Refused(f"The path {printable(path)} has {len(path):,} bytes; {MAX_PATH_BYTES:,} are allowed.")
        if len(parts) < 2 or parts[0] != self._prefix or any(part in (b"", b".", b"..") or b"\0" in part for part in parts):
            raise Refused(f"The image's archive contains the name {printable(path)}, which is not allowed.")
        if len(parts) - 1 > MAX_DEPTH:
            raise Refused(f"The path {printable(path)} is {len(parts) - 1:,} folders deep; {MAX_DEPTH} are allowed.")
        if too_long := next((part for part in parts if len(part) > MAX_NAME_BYTES), None):
            raise Refused(f"The name {printable(too_long)} has {len(too_long):,} bytes; {MAX_NAME_BYTES} are allowed.")
        return parts[1:]

    def _folder(self, names: list[bytes], path: bytes) -> int:
        """Return the descriptor of a folder that this program created; valid until the next call. Raises Refused."""
        common = 0
        while common < min(len(names), len(self._chain)) and self._chain[common][0] == names[common]:
            common += 1
        self._close_below(common)
        for name in names[common:]:
            try:
                opened = os.open(name, OPEN_FOLDER, dir_fd=self._chain[-1][1] if self._chain else self._root)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                    raise Refused(f"The image's archive contains {printable(path)}, whose parent is not a folder of the image.") from None
                raise
            self._chain.append((name, opened))
        return self._chain[-1][1] if self._chain else self._root

    def _close_below(self, depth: int) -> None:
        while len(self._chain) > depth:
            os.close(self._chain.pop()[1])
