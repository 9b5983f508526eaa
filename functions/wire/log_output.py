"""Structured log lines on standard error. Writing one never fails.

Lines of one turn of the event loop are written together: each write wakes the reader of the output.

A process can outlive the reader of its output (EPIPE), and a disk can be full (ENOSPC). Requests and messages go on; the
line is lost.
"""

import asyncio
import atexit
import json
import sys
from collections.abc import Mapping
from contextlib import suppress

import orjson

_pending: list[bytes] = []
_loops: set[asyncio.AbstractEventLoop] = set()
"""The loop that will write what is pending; empty if none will."""


def write_log_line(line: Mapping[str, object]) -> None:
    """Write one line of JSON, if standard error takes it: with the others of this turn of the event loop, at once outside of one."""
    _pending.append(_encode(line) + b"\n")
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        _flush()
        return
    if loop not in _loops:
        _loops.add(loop)
        loop.call_soon(_flush)


def _flush() -> None:
    lines = b"".join(_pending)
    _pending.clear()
    _loops.clear()
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
