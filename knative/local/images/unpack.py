"""Unpack a tar stream into new files, within limits: `python -I unpack.py FOLDER PREFIX OWNERS BYTES FILE_BYTES ENTRIES < archive`.

The stream comes from a build's workspace and is not trusted. This program runs alone in a sandbox (no network, no other files), so it
uses the standard library only. It reads the GNU and pax formats (tar(5), POSIX.1-2017 pax), holds one header and one chunk in memory, and
creates every folder and file relative to a directory descriptor, with O_NOFOLLOW and O_EXCL: no write passes through a symbolic link.

PREFIX is the name of the archive's folder; its content is written to FOLDER. Modes become 0755 or 0644, owners are dropped, times stay
(Python compares them with its byte code). With OWNERS 1 (an image with a root file system of its own; this program is then user 0 of its
own range of ids) owners and permissions stay, without set-user-ID and set-group-ID bits.

Exit codes: 0 unpacked, 3 refused, 1 other failure. The reason is one sentence on stderr.
"""

import errno
import os
import stat
import sys
from typing import BinaryIO, NamedTuple

BLOCK, CHUNK, MIB, IDS = 512, 1 << 20, 1 << 20, 65_536
MAX_DEPTH, MAX_NAME_BYTES, MAX_PATH_BYTES, MAX_TARGET_BYTES = 100, 255, 1024, 4096
MAX_EXTENSION_BYTES = 16 << 10  # of a pax or GNU header that precedes an entry: a path and a link's target fit
MAX_PADDING_BYTES = 1 << 20  # zeros after the archive's end: tar fills its last record
LATEST_MTIME, REFUSED = 1 << 33, 3

REGULAR, HARD_LINK, SYMBOLIC_LINK, FOLDER = (b"0", b"\0", b"7"), b"1", b"2", b"5"
LONG_NAME, LONG_TARGET, PAX = b"L", b"K", b"x"
REFUSED_TYPES = {b"3": "a character device", b"4": "a block device", b"6": "a named pipe", b"S": "a sparse archive member"}
OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
CREATE_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Limits(NamedTuple):
    """Bytes of all files together, bytes of a single file, number of files, folders and links."""

    bytes: int = 1 << 30
    file_bytes: int = 1 << 30
    entries: int = 200_000


class Refused(Exception):
    """The archive breaks a rule. The message is for the owner of the build."""


class Entry(NamedTuple):
    name: bytes
    target: bytes
    type: bytes
    mode: int
    size: int
    mtime: int
    uid: int = 0
    gid: int = 0


class Archive:
    """Reads entries from a tar stream."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def next(self) -> Entry | None:
        """Return the next entry without its content; None at the end of the archive. Raises Refused."""
        extensions: dict[bytes, dict[str, bytes]] = {}
        while True:
            header = self._read_exactly(BLOCK)
            if not any(header):
                self._check_end()
                return None
            entry = parse_header(header)
            if entry.type not in (LONG_NAME, LONG_TARGET, PAX):
                return _extended(entry, {key: value for found in extensions.values() for key, value in found.items()})
            if entry.type in extensions:
                raise Refused("The image's archive repeats an extended header.")
            extensions[entry.type] = self._extension(entry)

    def copy_content(self, size: int, descriptor: int) -> None:
        """Copy the content of the current entry, `size` bytes, to a file descriptor. Raises Refused, OSError."""
        remaining = size
        while remaining:
            data = self._stream.read(min(remaining, CHUNK))
            if not data:
                raise Refused("The image's archive ended too early.")
            remaining -= len(data)
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
        if size % BLOCK:
            self._read_exactly(BLOCK - size % BLOCK)

    def _extension(self, entry: Entry) -> dict[str, bytes]:
        if entry.size > MAX_EXTENSION_BYTES:
            raise Refused(f"The image's archive has an extended header of {entry.size:,} bytes; {MAX_EXTENSION_BYTES:,} are allowed.")
        data = self._read_exactly(-(-entry.size // BLOCK) * BLOCK)[: entry.size]
        return parse_pax(data) if entry.type == PAX else {"path" if entry.type == LONG_NAME else "linkpath": data.removesuffix(b"\0")}

    def _read_exactly(self, count: int) -> bytes:
        data = self._stream.read(count)
        if len(data) != count:
            raise Refused("The image's archive ended too early.")
        return data

    def _check_end(self) -> None:
        """Accept a bounded number of zeros, and nothing else, after the end. Raises Refused."""
        remaining = MAX_PADDING_BYTES
        while data := self._stream.read(min(remaining, 1 << 16)):
            remaining -= len(data)
            if any(data) or remaining <= 0:
                raise Refused("The image's archive continues after its end.")


def parse_header(block: bytes) -> Entry:
    """Parse a header block (512 bytes). Raises Refused."""
    checksum = sum(block[:148]) + 8 * 0x20 + sum(block[156:])
    if checksum != number(block[148:156]):
        raise Refused("The image's archive is damaged: a header's checksum is wrong.")
    name = text(block[:100])
    if block[257:263] == b"ustar\0" and (prefix := text(block[345:500])):
        name = prefix + b"/" + name
    mode, uid, gid, size, mtime = (number(block[at:end]) for at, end in ((100, 108), (108, 116), (116, 124), (124, 136), (136, 148)))
    return Entry(name, text(block[157:257]), block[156:157], mode, size, mtime, uid, gid)


def text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def number(field: bytes) -> int:
    """Parse an octal number, or GNU's base 256 for large and negative numbers. Raises Refused."""
    if field[0] in (0x80, 0xFF):
        return int.from_bytes(field[1:], "big", signed=False) if field[0] == 0x80 else int.from_bytes(field, "big", signed=True)
    digits = field.strip(b" \0")
    if not digits:
        return 0
    try:
        return int(digits if digits.isdigit() else b"", 8)
    except ValueError:
        raise Refused("The image's archive is damaged: a header contains a number that is not octal.") from None


def parse_pax(data: bytes) -> dict[str, bytes]:
    """Parse the records of a pax extended header, `length key=value\\n`, and return those that matter here. Raises Refused."""
    found: dict[str, bytes] = {}
    while data:
        length, space, _ = data[:12].partition(b" ")
        if not (space and length.isdigit() and 0 < int(length) <= len(data)):
            raise Refused("The image's archive is damaged: a pax header is malformed.")
        record, data = data[: int(length)], data[int(length) :]
        key, equals, value = record[len(length) + 1 :].partition(b"=")
        if not equals or not value.endswith(b"\n"):
            raise Refused("The image's archive is damaged: a pax header is malformed.")
        if key.startswith(b"GNU.sparse"):
            raise Refused("The image's archive contains a sparse file, which is not supported.")
        if key in (b"path", b"linkpath", b"size", b"mtime"):
            found[key.decode()] = value[:-1]
    return found


def _extended(entry: Entry, extension: dict[str, bytes]) -> Entry:
    return entry._replace(
        name=extension.get("path", entry.name),
        target=extension.get("linkpath", entry.target),
        size=_decimal(extension["size"]) if "size" in extension else entry.size,
        mtime=_decimal(extension["mtime"].partition(b".")[0]) if "mtime" in extension else entry.mtime,
    )


def _decimal(digits: bytes) -> int:
    if len(digits) > 20 or not digits.removeprefix(b"-").isdigit():
        raise Refused("The image's archive is damaged: a pax header contains a malformed number.")
    return int(digits)


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


def printable(name: bytes) -> str:
    """Return a name for a message: printable, at most a line long."""
    decoded = name.decode("utf-8", "backslashreplace")
    escaped = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in decoded)
    return escaped if len(escaped) <= 200 else f"{escaped[:100]}…{escaped[-90:]}"


def main(arguments: list[str]) -> int:
    folder, prefix, owners, *limits = arguments
    os.umask(0)
    try:
        with open(0, "rb", buffering=CHUNK, closefd=False) as stream:
            root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            Unpacker(root, os.fsencode(prefix), Limits(*map(int, limits)), owners == "1").unpack(Archive(stream))
    except Refused as refused:
        print(refused, file=sys.stderr)
        return REFUSED
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        print("There is no disk space left for the image." if is_full else f"The image cannot be written: {error.strerror}.", file=sys.stderr)
        return REFUSED if is_full else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
