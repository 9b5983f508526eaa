"""Structured log lines on standard error. Writing one never fails.

A process can outlive the reader of its output (EPIPE), and a disk can be full (ENOSPC). Requests and messages go on; the
line is lost.
"""

import json
import sys
from collections.abc import Mapping
from contextlib import suppress

import orjson


def write_log_line(line: Mapping[str, object]) -> None:
    """Write one line of JSON, if standard error takes it."""
    if sys.stderr is None:  # started with the descriptor closed
        return
    with suppress(OSError, ValueError):  # there is no other place to report it; ValueError: the stream is closed
        sys.stderr.buffer.write(_encode(line) + b"\n")
        sys.stderr.buffer.flush()


def _encode(line: Mapping[str, object]) -> bytes:
    try:
        return orjson.dumps(line)
    except TypeError:  # a lone surrogate, or an object without a form in JSON
        return json.dumps(line, default=repr).encode()
