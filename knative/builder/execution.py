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

from functions.wire.log_lines import MAX_LINE_BYTES, LineSplitter
from knative.builder.diagnosis import plain
from knative.builder.failure import TIMED_OUT, TOO_LARGE, BuildFailure

POLL_SECONDS = 0.5
TAIL_LINES = 200
MAX_LINES = 10_000
MAX_QUIET_LINE_BYTES = 16 << 20
"""Of output that the builder itself reads."""
SIZE_CHECK_PAUSE = 20
"""A size check of a second is followed by a pause of this many: counting many files takes time from the program."""
MASK = "***"
MIN_SECRET_CHARACTERS = 4
"""A shorter value would mask words of the log that are no secret."""


class CommandFailed(Exception):
    """A program exited with a code other than 0, or -N after signal N. `tail`: its last lines."""

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
    secrets: Sequence[str] = ()
    """Values that the log and error messages show as MASK."""

    def command_environment(self, **variables: str) -> dict[str, str]:
        self.home.mkdir(parents=True, exist_ok=True)
        own = {"PATH": self.path, "HOME": str(self.home), "TMPDIR": str(self.home), "LANG": "C.UTF-8"}
        return {**self.environment, **own, **variables}

    def run(
        self, command: Sequence[str], *, cwd: Path, limits: Limits, quiet: bool = False, variables: Mapping[str, str] | None = None, **more: str
    ) -> list[str]:
        """Run a program to its end and return its lines. `quiet` keeps them out of the log. `variables`, `more`: its environment.

        Raises CommandFailed, and BuildFailure when the program exceeds its deadline or its size limit. All processes it
        started are killed.
        """
        process = subprocess.Popen(
            list(command),
            cwd=cwd,
            env=self.command_environment(**(variables or {}), **more),
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
        splitter = LineSplitter(MAX_QUIET_LINE_BYTES if quiet else MAX_LINE_BYTES)
        next_size_check = time.monotonic() + POLL_SECONDS
        descriptor = process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while True:
                if selector.select(POLL_SECONDS):
                    chunk = os.read(descriptor, 65536)
                    if not chunk:
                        break
                    self._append(splitter.feed(chunk), lines, quiet)
                now = time.monotonic()
                if now > limits.deadline:
                    raise BuildFailure(TIMED_OUT, f"{Path(name).name} was stopped: the build exceeded its time limit.")
                if now > next_size_check:
                    check_size(limits.folder, limits.bytes)
                    ended_at = time.monotonic()
                    next_size_check = ended_at + max(POLL_SECONDS, SIZE_CHECK_PAUSE * (ended_at - now))
        self._append(splitter.end(), lines, quiet)
        process.wait(timeout=max(1.0, limits.deadline - time.monotonic()))
        check_size(limits.folder, limits.bytes)
        return list(lines)

    def _append(self, output: Sequence[str], lines: deque[str], quiet: bool) -> None:
        for line in output:
            text = line.rstrip()
            if not quiet:
                text = self.mask(plain(text))
                if text:
                    log(f"    {text}")
            if text:
                lines.append(text)

    def mask(self, text: str) -> str:
        """Return a text without secrets."""
        for secret in self.secrets:
            text = text.replace(secret, MASK)
        return text


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


def masked_values(secrets: Mapping[str, str]) -> tuple[str, ...]:
    """Return what to mask in lines of output: the values and, of values with several lines, each line. Longer ones first."""
    parts = {part.strip() for value in secrets.values() for part in (value, *value.splitlines())}
    return tuple(sorted((part for part in parts if len(part) >= MIN_SECRET_CHARACTERS), key=len, reverse=True))


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
