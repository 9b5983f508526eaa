"""Read a tar stream that is not trusted: the GNU and pax formats (tar(5), POSIX.1-2017 pax). Holds one header and one chunk in memory."""

import os
from typing import BinaryIO, NamedTuple

BLOCK, CHUNK = 512, 1 << 20
MAX_EXTENSION_BYTES = 16 << 10  # of a pax or GNU header that precedes an entry: a path and a link's target fit
MAX_PADDING_BYTES = 1 << 20  # zeros after the archive's end: tar fills its last record
REGULAR, HARD_LINK, SYMBOLIC_LINK, FOLDER = (b"0", b"\0", b"7"), b"1", b"2", b"5"
LONG_NAME, LONG_TARGET, PAX = b"L", b"K", b"x"


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


def printable(name: bytes) -> str:
    """Return a name for a message: printable, at most a line long."""
    decoded = name.decode("utf-8", "backslashreplace")
    escaped = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in decoded)
    return escaped if len(escaped) <= 200 else f"{escaped[:100]}…{escaped[-90:]}"
