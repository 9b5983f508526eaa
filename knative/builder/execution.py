"""Other programs, with a scrubbed environment, a deadline, a limit for what they write, and every line of theirs in the log as it comes."""

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

from knative.builder.failure import TIMED_OUT, TOO_LARGE, Failure

LOOK_EVERY = 0.5
TAIL = 20
LONGEST_LINE = 2000


class CommandFailed(Exception):
    """It ended with another code than 0. `tail`: its last lines."""

    def __init__(self, code: int, tail: Sequence[str]) -> None:
        super().__init__(f"code {code}")
        self.code = code
        self.tail = tuple(tail)


@dataclass(frozen=True, slots=True)
class Limits:
    """Until when it may run (monotonic), and how large a folder may become in that time."""

    deadline: float
    folder: Path
    bytes: int


@dataclass(slots=True)
class Shell:
    """Runs programs for one build. `environment`: what the operator lets builds see."""

    environment: Mapping[str, str]
    home: Path
    path: str = field(default_factory=lambda: f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin")

    def surroundings(self, **more: str) -> dict[str, str]:
        self.home.mkdir(parents=True, exist_ok=True)
        return {**self.environment, "PATH": self.path, "HOME": str(self.home), "TMPDIR": str(self.home), "LANG": "C.UTF-8", **more}

    def run(self, words: Sequence[str], *, cwd: Path, limits: Limits, quiet: bool = False, **more: str) -> list[str]:
        """Its lines. `quiet`: they are not for the log. Raises CommandFailed; Failure when it takes too long or writes too much."""
        process = subprocess.Popen(
            list(words),
            cwd=cwd,
            env=self.surroundings(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            lines = self._follow(process, words[0], limits, quiet)
        finally:
            _end(process)
        if process.returncode != 0:
            raise CommandFailed(process.returncode, lines[-TAIL:])
        return lines

    def _follow(self, process: subprocess.Popen[bytes], name: str, limits: Limits, quiet: bool) -> list[str]:
        assert process.stdout is not None
        lines: deque[str] = deque(maxlen=10_000)
        rest, looked = b"", time.monotonic()
        descriptor = process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while True:
                if selector.select(LOOK_EVERY):
                    chunk = os.read(descriptor, 65536)
                    if not chunk:
                        break
                    *complete, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
                    rest = rest[-LONGEST_LINE:]
                    _take(complete, lines, quiet)
                now = time.monotonic()
                if now > limits.deadline:
                    raise Failure(TIMED_OUT, f"{Path(name).name} was stopped: the build had no more time.")
                if now - looked > LOOK_EVERY:
                    check_size(limits.folder, limits.bytes)
                    looked = time.monotonic()
        _take([rest], lines, quiet)
        process.wait(timeout=max(1.0, limits.deadline - time.monotonic()))
        check_size(limits.folder, limits.bytes)
        return list(lines)


def check_size(folder: Path, limit: int) -> None:
    """Raises Failure(too-large)."""
    if size_of(folder, stop_at=limit) > limit:
        raise Failure(TOO_LARGE, f"It takes more than {limit // (1024 * 1024)} MiB, which is all that one build may take here.")


def size_of(folder: Path, stop_at: int) -> int:
    total = 0
    for where, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(where, name)).st_size
            except FileNotFoundError:
                continue  # a temporary file of the program that is watched
        if total > stop_at:
            break
    return total


def _take(chunk: Sequence[bytes], lines: deque[str], quiet: bool) -> None:
    for raw in chunk:
        if line := raw.decode(errors="replace").rstrip()[:LONGEST_LINE]:
            lines.append(line)
            if not quiet:
                say(f"    {line}")


def say(text: str) -> None:
    print(text, flush=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    """With everything it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
