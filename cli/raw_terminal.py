"""The local terminal in raw mode: every key goes to the command, which decides what it means.

The former mode is restored however the block ends, also by SIGTERM or SIGHUP.
"""

import fcntl
import os
import signal
import struct
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

LEAVE_SCREEN = b"\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1006l\x1b[?2004l\x1b[?25h\x1b[0m\r\n"
"""Leaves the alternate screen, mouse and paste modes: a program that did not end cannot do it itself."""
DEFAULT_SIZE = (80, 24)


@contextmanager
def raw(descriptor: int) -> Iterator[None]:
    former = termios.tcgetattr(descriptor)
    handlers = {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        tty.setraw(descriptor, termios.TCSADRAIN)  # what was typed before is for the command
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, former)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def size_of(descriptor: int) -> tuple[int, int]:
    """Return (columns, rows)."""
    rows, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(descriptor, termios.TIOCGWINSZ, bytes(8)))
    return (columns, rows) if columns and rows else DEFAULT_SIZE


@contextmanager
def resize_events() -> Iterator[int]:
    """Yield a descriptor that becomes readable when the window changes its size."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    former_descriptor = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    former = signal.signal(signal.SIGWINCH, lambda *_: None)
    try:
        yield reading
    finally:
        signal.signal(signal.SIGWINCH, former)
        signal.set_wakeup_fd(former_descriptor)
        os.close(reading)
        os.close(writing)


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
