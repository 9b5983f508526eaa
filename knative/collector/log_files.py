"""The log files of one container: `0.log`, and what rotation has made of its former content.

The kubelet renames the file to `0.log.<time>` and has the runtime open a new one. Until then the runtime writes to the renamed
file, so a renamed file is complete when a new one exists. Older ones are compressed, then deleted; whoever has a file open can
still read it. The number is that of the container's run: after a restart it writes to `1.log`.

Source: Kubernetes, pkg/kubelet/logs/container_log_manager.go.
"""

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from knative.collector.cri import MAX_RECORD_BYTES, Assembler, Line, Place

CHUNK_BYTES = 256 << 10
SKIP_BYTES = 4096
"""Read at once, at least, to find the end of a skipped record."""
HEAD_BYTES = 40
_CURRENT = re.compile(r"(\d+)\.log")
_ROTATED = re.compile(r"(\d+\.log)\.\d{8}-\d{6}")


def current_logs(folder: Path) -> list[str]:
    """Return the names of a container's logs, one for each of its runs, oldest first."""
    names = [name for name in _names(folder) if _CURRENT.fullmatch(name)]
    return sorted(names, key=lambda name: int(name.partition(".")[0]))


def _names(folder: Path) -> list[str]:
    with suppress(OSError):
        return os.listdir(folder)
    return []


@dataclass(frozen=True, slots=True)
class Position:
    """A place in one of the files of a log.

    `head`: how the file begins, with the time of its first record. File systems use the inode of a deleted file again.
    """

    inode: int
    head: str
    place: Place


Found = tuple[Line, Position]
"""A line, and the position behind it."""


class LogFile:
    """Reads the log of one run of a container, through rotations. Not open until the first `read`.

    `position`: where to continue. None: at the beginning of the oldest file that is left.
    """

    def __init__(self, folder: Path, name: str, position: Position | None = None) -> None:
        self._folder = folder
        self._name = name
        self._resume = position
        self._file: int | None = None
        self._inode = 0
        self._head = ""
        self._offset = 0
        """Of the first byte that is not a whole record yet; `_rest` begins there."""
        self._rest = b""
        self._assembler = Assembler()
        self.lost_files = 0
        """Files that were rotated away before they were read whole."""

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def read(self) -> list[Found] | None:
        """Read up to CHUNK_BYTES. Returns the lines that end in them; None if there is nothing to read now."""
        if self._file is None and not self._open():
            return None
        assert self._file is not None
        read_to = self._offset + len(self._rest)
        if os.fstat(self._file).st_size < read_to:  # truncated
            self._start_at(Place())
            read_to = 0
        chunk = os.pread(self._file, CHUNK_BYTES, read_to)
        if not chunk:
            return [] if self._follow_rotation() else None
        return self._split(chunk)

    def is_finished(self) -> bool:
        """Whether nothing is left to read, of a log without its folder."""
        return self._file is None or os.fstat(self._file).st_size <= self._offset + len(self._rest)

    def unread_bytes(self) -> int:
        """Return how much of the open file, and of the current one behind it, is unread."""
        unread = 0
        if self._file is not None:
            unread += max(os.fstat(self._file).st_size - self._offset, 0)
        with suppress(OSError):
            current = os.stat(self._folder / self._name)
            unread += current.st_size if current.st_ino != self._inode else 0
        return unread

    def skip(self, bytes: int) -> tuple[int, Position] | None:
        """Skip at least so many bytes of the open file, or the rest of it. Returns the number of records, and the position behind them."""
        if self._file is None:
            return None
        records, read_to, boundary = 0, self._offset, self._offset
        while (missing := bytes - (boundary - self._offset)) > 0:
            chunk = os.pread(self._file, min(max(missing, SKIP_BYTES), CHUNK_BYTES), read_to)
            if not chunk:
                break
            records += chunk.count(b"\n")
            boundary = read_to + chunk.rfind(b"\n") + 1 if b"\n" in chunk else boundary
            read_to += len(chunk)
        if not records:
            return None
        self._start_at(Place(boundary))
        return records, self._position(Place(boundary))

    def _split(self, chunk: bytes) -> list[Found]:
        *records, self._rest = (self._rest + chunk).split(b"\n")
        if not self._head and records:
            self._head = records[0][:HEAD_BYTES].decode("latin-1")
        found: list[Found] = []
        for record in records:
            self._offset += len(record) + 1
            lines, place = self._assembler.feed(record, self._offset)
            found += [(line, self._position(place)) for line in lines]
        if len(self._rest) > MAX_RECORD_BYTES:  # no container log: pass over it, in bounded memory
            self._offset += len(self._rest)
            self._rest = b""
        return found

    def _position(self, place: Place) -> Position:
        return Position(self._inode, self._head, place)

    def _open(self) -> bool:
        """Open the file in which the last reader stopped, or the oldest that is left if that one is gone."""
        files = self._files()
        if not files:
            return False
        resume = self._resume
        if resume is not None:
            for name in [name for name, inode in files if inode == resume.inode]:
                if self._open_file(name) and self._head == resume.head:
                    self._start_at(resume.place)
                    return True
            self.lost_files += 1
            self._resume = None
        return self._open_file(files[0][0])

    def _follow_rotation(self) -> bool:
        """At the end of the open file: open the next one. Returns whether there is one."""
        files = self._files()
        index = next((index for index, (_, inode) in enumerate(files) if inode == self._inode), -1)  # a file that is gone was older than all
        if index + 1 >= len(files):
            return False
        assembler = self._assembler
        if not self._open_file(files[index + 1][0]):
            return False
        assembler.continue_in_next_file()
        self._assembler = assembler
        return True

    def _files(self) -> list[tuple[str, int]]:
        """Return the names and inodes of the files that are not compressed, oldest first."""
        rotated = sorted(name for name in _names(self._folder) if (match := _ROTATED.fullmatch(name)) and match[1] == self._name)
        files = []
        for name in (*rotated, self._name):
            with suppress(FileNotFoundError):
                files.append((name, os.stat(self._folder / name).st_ino))
        return files

    def _open_file(self, name: str) -> bool:
        """Open a file at its beginning. False if it is gone."""
        with suppress(FileNotFoundError):
            file = os.open(self._folder / name, os.O_RDONLY | os.O_CLOEXEC)
            self.close()
            self._file, self._inode = file, os.fstat(file).st_ino
            head, has_record, _ = os.pread(file, CHUNK_BYTES, 0).partition(b"\n")
            self._head = head[:HEAD_BYTES].decode("latin-1") if has_record else ""
            self._start_at(Place())
            return True
        return False

    def _start_at(self, place: Place) -> None:
        self._offset, self._rest, self._assembler = place.offset, b"", Assembler(place)
