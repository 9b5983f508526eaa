"""A person at a terminal: `capsule` as the leader of a session with a real pseudo-terminal."""

import fcntl
import os
import select
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.cli.terminal import CAPSULE, Terminal
from tests.waiting import wait_limit


class Screen:
    def __init__(self, process: "subprocess.Popen[bytes]", master: int) -> None:
        self._process, self._master = process, master
        self._unread = b""
        self._former = termios.tcgetattr(master)

    @property
    def is_cooked(self) -> bool:
        """Whether the terminal is in the mode that it had before."""
        return termios.tcgetattr(self._master) == self._former

    def write(self, data: bytes) -> None:
        os.write(self._master, data)

    def resize(self, columns: int, rows: int) -> None:
        termios.tcsetwinsize(self._master, (rows, columns))

    def read_until(self, text: bytes, seconds: float = 60) -> bytes:
        """Return what was output up to `text`. Fails the test after `seconds`."""
        deadline = time.monotonic() + wait_limit(seconds)
        while text not in self._unread:
            assert time.monotonic() < deadline and self._read(1.0), f"{text!r} is not in {self._unread!r}"
        output, _, self._unread = self._unread.partition(text)
        return output + text

    def wait(self) -> int:
        """Return the exit code."""
        deadline = time.monotonic() + wait_limit(60)
        while self._process.poll() is None:
            assert time.monotonic() < deadline, self._unread
            self._read(0.1)
        return self._process.returncode

    def _read(self, seconds: float) -> bool:
        """Return False when the process has ended and everything is read."""
        if select.select([self._master], [], [], seconds)[0]:
            self._unread += os.read(self._master, 65536)
            return True
        return self._process.poll() is None


@contextmanager
def attended(home: Terminal, *arguments: str, columns: int = 80, rows: int = 24) -> Iterator[Screen]:
    master, slave = os.openpty()
    termios.tcsetwinsize(master, (rows, columns))
    process = subprocess.Popen(
        [*CAPSULE, *arguments],
        cwd=home.cwd,
        env={**home.environment, "TERM": "xterm"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),  # so that resizing it sends SIGWINCH
    )
    try:
        yield Screen(process, master)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()
        os.close(master)
        os.close(slave)


def use_shell(home: Terminal) -> None:
    """Run a shell in the default environment: it has a terminal with a name and a size, and Ctrl-C reaches what it runs. It exits with code 9."""
    with attended(home, "run", "sh") as screen:
        screen.write(b"test -t 0 && tty && stty size && echo typed\r")
        assert b"/dev/pts/" in screen.read_until(b"24 80") or os.geteuid() != 0
        screen.resize(columns=100, rows=30)
        screen.write(b"stty size\r")
        screen.read_until(b"30 100")
        screen.write(b"sleep 600\r\x03")
        screen.read_until(b"^C")  # a terminal drops what was typed before Ctrl-C and is not read yet
        screen.write(b"exit 9\r")
        assert screen.wait() == 9 and screen.is_cooked
    latest = home.run("runs", "list", "--json").document[0]
    assert (latest["exitCode"], latest["streams"], latest["command"]) == (9, "terminal", "sh") and latest["attachedAt"]
    assert "terminal" in home.run("runs", "show", latest["id"][:20]).out
    assert "has ended" in home.run("runs", "attach", latest["id"], code=5).err
