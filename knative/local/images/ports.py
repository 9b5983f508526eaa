"""What the image store needs from the sandbox."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

MAX_STDERR_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program to run in a sandbox without a network."""

    argv: Sequence[str]
    container: object | None = None
    """A container that has ended, whose file system and user the program gets instead of `readable`; None: a sandbox
    of its own."""
    readable: Sequence[tuple[Path, str]] = ()
    """(file or folder of this machine, where the program sees it)."""
    writable: Sequence[tuple[Path, str]] = ()
    """The same. What the program creates there belongs to the sandbox's user."""
    sets_owners: bool = False
    """Whether what the program creates in `writable` may belong to any user of its own range: the program runs as user 0 in it."""
    stdin: int | None = None
    """A descriptor that stays the caller's; None: /dev/null. The same holds for `stdout`."""
    stdout: int | None = None
    memory_bytes: int
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class ProgramResult:
    code: int
    """The exit code; -N when signal N ended it."""
    stderr: str
    """The first MAX_STDERR_BYTES at most."""


class ConfinedRunner(Protocol):
    async def run(self, program: Program) -> ProgramResult:
        """Run a program and return when it and everything it started has ended.

        After the program's timeout, or when the call is cancelled, the program is killed.
        """
        ...
