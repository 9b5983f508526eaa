"""Lines of a program's output: whole up to a limit, cut between characters and marked beyond it.

A line ends with LF or CR LF. A CR alone goes back to the beginning of the line, as a terminal does: of a progress bar its last state remains.
Bytes that are not UTF-8 become U+FFFD. Control sequences stay: a reader that prints to a terminal removes them.
"""

import codecs
import re

MAX_LINE_BYTES = 64 << 10
"""Of a line in UTF-8, without the mark of a cut."""
MAX_MARK_BYTES = 64
_BLANK = re.compile(rb"(\x1b\[[0-?]*[ -/]*[@-~]|\s)*", re.ASCII)
_MARK = re.compile(r" … \[cut: [0-9,]+ bytes\]$", re.ASCII)


class LineSplitter:
    """Splits one stream of output into lines. Holds at most twice `limit` bytes."""

    def __init__(self, limit: int = MAX_LINE_BYTES) -> None:
        self._limit = limit
        self._state, self._cut_bytes = bytearray(), 0
        """What stands on the line, or was written since the last CR, and how much of it was cut."""
        self._shown: tuple[bytes, int] | None = None
        """What stood on the line before the last CR."""

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that end in `data`."""
        if not self._state and self._shown is None and data.endswith(b"\n") and data.isascii() and b"\r" not in data and len(data) <= self._limit:
            return data[:-1].decode().split("\n")  # most output: whole lines, whatever they are, within the limit
        *complete, rest = data.split(b"\n")
        lines = []
        for piece in complete:
            self._append(piece)
            lines.append(self._take())
        self._append(rest)
        return lines

    def end(self) -> list[str]:
        """Return the last line, if the output does not end with the end of a line."""
        return [self._take()] if self._state or self._shown is not None else []

    def _append(self, piece: bytes) -> None:
        first, *states = piece.split(b"\r")
        self._extend(first)
        for state in states:
            self._return()
            self._extend(state)

    def _extend(self, data: bytes) -> None:
        kept = data[: self._limit - len(self._state)]
        self._state += kept
        self._cut_bytes += len(data) - len(kept)

    def _return(self) -> None:
        """Go back to the beginning of the line. What only clears the line, as progress bars do at their end, shows nothing."""
        if self._shown is None or not _BLANK.fullmatch(self._state):
            self._shown = bytes(self._state), self._cut_bytes
        self._state.clear()
        self._cut_bytes = 0

    def _take(self) -> str:
        if self._shown is not None:
            self._return()
        line, cut_bytes = self._shown or (bytes(self._state), self._cut_bytes)
        self._state.clear()
        self._shown, self._cut_bytes = None, 0
        if cut_bytes:
            return mark_cut(*_prefix(line), cut_bytes, self._limit)
        return bounded_line(line.decode("utf-8", "replace"), self._limit)


def bounded_line(text: str, limit: int = MAX_LINE_BYTES) -> str:
    """Cut a line to a number of bytes and mark the cut. A line that is marked already stays as it is."""
    if text.isascii() and len(text) <= limit:
        return text
    encoded = text.encode("utf-8", "replace")
    is_marked = len(encoded) <= limit + MAX_MARK_BYTES and _MARK.search(text) is not None
    if len(encoded) <= limit or is_marked:
        return encoded.decode()
    return mark_cut(*_prefix(encoded[:limit]), len(encoded) - limit, limit)


def mark_cut(text: str, incomplete_bytes: int, cut_bytes: int, limit: int) -> str:
    """Return the beginning of a line with a mark that says how many bytes were cut behind it."""
    encoded = text.encode()
    kept, more = _prefix(encoded[:limit])  # U+FFFD is longer than the byte that it stands for
    return f"{kept} … [cut: {cut_bytes + incomplete_bytes + more + max(0, len(encoded) - limit):,} bytes]"


def decode_prefix(data: bytes) -> str:
    """Decode the beginning of a text, without a character of which only a part is there."""
    return _prefix(data)[0]


def _prefix(data: bytes) -> tuple[str, int]:
    """Return (the text, the number of bytes at its end that are the beginning of a character)."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(data)
    return text, len(decoder.getstate()[0])
