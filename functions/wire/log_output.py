"""Structured log lines on standard error. Writing one never fails.

Lines of one turn of the event loop are written together: each write wakes the reader of the output.

A process can outlive the reader of its output (EPIPE), and a disk can be full (ENOSPC). Requests and messages go on; the
line is lost.
"""

import asyncio
import atexit
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import orjson

Lines = Callable[[], Iterable[Mapping[str, object]]]

_pending: list[bytes | Lines] = []
_loops: set[asyncio.AbstractEventLoop] = set()
"""The loop that will write what is pending; empty if none will."""


def write_log_line(line: Mapping[str, object]) -> None:
    """Write one line of JSON, if standard error takes it: with the others of this turn of the event loop, at once outside of one."""
    _add(_encode(line) + b"\n")


def write_log_lines(lines: Lines) -> None:
    """As `write_log_line`, for lines that are complete only at the end of this turn: `lines` returns them then."""
    _add(lines)


def _add(pending: bytes | Lines) -> None:
    _pending.append(pending)
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        _flush()
        return
    if loop not in _loops:
        _loops.add(loop)
        loop.call_soon(_flush)


def _flush() -> None:
    pending = [*_pending]
    _pending.clear()
    _loops.clear()
    lines = b"".join(each if isinstance(each, bytes) else b"".join(_encode(line) + b"\n" for line in each()) for each in pending)
    if sys.stderr is None:  # started with the descriptor closed
        return
    with suppress(OSError, ValueError):  # there is no other place to report it; ValueError: the stream is closed
        sys.stderr.buffer.write(lines)
        sys.stderr.buffer.flush()


atexit.register(_flush)  # of a loop that ended before


def _encode(line: Mapping[str, object]) -> bytes:
    try:
        return orjson.dumps(line)
    except TypeError:  # a lone surrogate, or an object without a form in JSON
        return json.dumps(line, default=repr).encode()
