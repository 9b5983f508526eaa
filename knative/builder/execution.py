"""Run programs with a clean environment, a deadline and a size limit, and copy their output to the build log as it arrives."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from knative.builder.failure import TIMED_OUT, TOO_LARGE, BuildFailure

POLL_SECONDS = 0.5
TAIL_LINES = 20
MAX_LINES = 10_000
MAX_LINE_BYTES = 2000


class CommandFailed(Exception):
    """A program exited with a code other than 0. `tail`: its last lines."""

    def __init__(self, code: int, tail: Sequence[str]) -> None:
        super().__init__(f"exit code {code}")
        self.code = code
        self.tail = tuple(tail)


@dataclass(frozen=True, slots=True)
class Limits:
    """`deadline`: on the monotonic clock. `bytes`: how large `folder` may become."""

    deadline: float
    folder: Path
    bytes: int


@dataclass(slots=True)
class Shell:
    """Runs programs for one build. `environment`: the variables that the operator lets builds see."""

    environment: Mapping[str, str]
    home: Path
    path: str = field(default_factory=lambda: f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin")

    def command_environment(self, **variables: str) -> dict[str, str]:
        self.home.mkdir(parents=True, exist_ok=True)
        own = {"PATH": self.path, "HOME": str(self.home), "TMPDIR": str(self.home), "LANG": "C.UTF-8"}
        return {**self.environment, **own, **variables}

    def run(self, command: Sequence[str], *, cwd: Path, limits: Limits, quiet: bool = False, **variables: str) -> list[str]:
        """Run a program to its end and return its lines. `quiet` keeps them out of the log.

        Raises CommandFailed, and BuildFailure when the program exceeds its deadline or its size limit. All processes it
        started are killed.
        """
        process = subprocess.Popen(
            list(command),
            cwd=cwd,
            env=self.command_environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            lines = self._read_lines(process, command[0], limits, quiet)
        finally:
            _kill(process)
        if process.returncode != 0:
            raise CommandFailed(process.returncode, lines[-TAIL_LINES:])
        return lines

    def _read_lines(self, process: subprocess.Popen[bytes], name: str, limits: Limits, quiet: bool) -> list[str]:
        assert process.stdout is not None
        lines: deque[str] = deque(maxlen=MAX_LINES)
        rest, size_checked_at = b"", time.monotonic()
        descriptor = process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while True:
                if selector.select(POLL_SECONDS):
                    chunk = os.read(descriptor, 65536)
                    if not chunk:
                        break
                    *complete, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
                    rest = rest[-MAX_LINE_BYTES:]
                    _append(complete, lines, quiet)
                now = time.monotonic()
                if now > limits.deadline:
                    raise BuildFailure(TIMED_OUT, f"{Path(name).name} was stopped: the build exceeded its time limit.")
                if now - size_checked_at > POLL_SECONDS:
                    check_size(limits.folder, limits.bytes)
                    size_checked_at = time.monotonic()
        _append([rest], lines, quiet)
        process.wait(timeout=max(1.0, limits.deadline - time.monotonic()))
        check_size(limits.folder, limits.bytes)
        return list(lines)


def check_size(folder: Path, limit: int) -> None:
    """Raises BuildFailure(too-large) if the files of a folder are larger than `limit` bytes together."""
    if size_of(folder, stop_at=limit) > limit:
        raise BuildFailure(TOO_LARGE, f"The build uses more than {limit // (1024 * 1024)} MiB, the limit of one build.")


def size_of(folder: Path, stop_at: int) -> int:
    """Return the size of the files in a folder in bytes; counting stops above `stop_at`."""
    total = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except FileNotFoundError:
                continue  # a temporary file of the running program
        if total > stop_at:
            break
    return total


def _append(chunk: Sequence[bytes], lines: deque[str], quiet: bool) -> None:
    for raw in chunk:
        if line := raw.decode(errors="replace").rstrip()[:MAX_LINE_BYTES]:
            lines.append(line)
            if not quiet:
                log(f"    {line}")


def log(text: str) -> None:
    """Write a line of the build log: standard output, unbuffered. Undecodable bytes of file names are escaped."""
    print(text.encode("utf-8", "backslashreplace").decode(), flush=True)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and everything in its session."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
