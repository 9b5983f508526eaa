"""The format of container logs on a node (pure): `<time> <stdout|stderr> <tags> <content>`, one record in a line.

Of the tags, separated by `:`, the first says whether the record ends a line of the container (F) or the line goes on in the
stream's next record (P): runtimes split lines at 16 KiB. Records of both streams alternate in one file.

Source: Kubernetes, "CRI: Log management for container stdout/stderr streams"; containerd, internal/cri/io/logger.go.
"""

import re
from dataclasses import dataclass

from functions.wire.log_lines import LineSplitter

MAX_RECORD_BYTES = 256 << 10
"""A longer record is no record of a container runtime: 16 KiB is usual, and 64 KiB is Docker's largest."""
_RECORD = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) (stdout|stderr) ([A-Z](?::[^ :]*)*) ?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Record:
    at: str
    """RFC 3339."""
    stream: str
    is_partial: bool
    content: bytes


@dataclass(frozen=True, slots=True)
class Line:
    at: str
    stream: str
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a log file from which it can be read on.

    `offset`: of the first record that is needed. Where a line of one stream is incomplete there, the other stream may be further:
    `ends` has the end of the last complete record of each stream, and records before it have been read.
    """

    offset: int = 0
    ends: tuple[tuple[str, int], ...] = ()


def parse_record(line: bytes) -> Record | None:
    """Parse one line of a log file, without its end. None for a line that is no record, as after a crash of the node."""
    match = _RECORD.fullmatch(line)
    if match is None:
        return None
    at, stream, tags, content = match.groups()
    return Record(at.decode(), stream.decode(), tags.split(b":", 1)[0] == b"P", content)


class Assembler:
    """Joins the records of one file to the lines that the container has written."""

    def __init__(self, place: Place = Place()) -> None:
        self._splitters: dict[str, LineSplitter] = {}
        self._begun: dict[str, tuple[int, str]] = {}
        """Stream → where its incomplete line begins, and when it was written."""
        self._ends: dict[str, int] = dict(place.ends)
        self._offset = place.offset

    def feed(self, record: bytes, end: int) -> tuple[list[Line], Place]:
        """Add a record that ends, with its line end, at the offset `end`. Returns the lines that it completes, and the place behind them."""
        start, self._offset = self._offset, end
        parsed = parse_record(record)
        if parsed is None or end <= self._ends.get(parsed.stream, 0):
            return [], self._place()
        splitter = self._splitters.setdefault(parsed.stream, LineSplitter())
        if parsed.is_partial:
            self._begun.setdefault(parsed.stream, (start, parsed.at))
            splitter.feed(parsed.content)
            return [], self._place()
        _, at = self._begun.pop(parsed.stream, (start, parsed.at))
        self._ends[parsed.stream] = end
        return [Line(at, parsed.stream, text) for text in splitter.feed(parsed.content + b"\n")], self._place()

    def continue_in_next_file(self) -> None:
        """The next record is the first one of the file that follows. An incomplete line goes on there."""
        self._begun = {stream: (0, at) for stream, (_, at) in self._begun.items()}
        self._ends, self._offset = {}, 0

    def _place(self) -> Place:
        begins = [start for start, _ in self._begun.values()]
        if not begins:
            return Place(self._offset)
        first = min(begins)
        return Place(first, tuple((stream, end) for stream, end in sorted(self._ends.items()) if end > first))
