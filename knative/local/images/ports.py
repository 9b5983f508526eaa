"""What the image store needs from the sandbox."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

MAX_STDERR_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Finished:
    code: int
    """The exit code; -N if signal N ended it."""
    stderr: str
    """At most the first MAX_STDERR_BYTES."""


class ConfinedRunner(Protocol):
    """Runs one program in a sandbox without a network."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        identity: object | None,
        readable: Sequence[tuple[Path, str]],
        writable: Sequence[tuple[Path, str]],
        stdin: int | None,
        stdout: int | None,
        memory_bytes: int,
        timeout_seconds: float,
    ) -> Finished:
        """Returns when the program and everything it started has ended.

        `identity`: as whom it runs, None for an identity of its own. `readable` and `writable`: (file or folder of this machine, where the program
        sees it); what is created in `writable` folders belongs to IMAGE_OWNER or to the identity. `stdin` and `stdout`: descriptors that stay the
        caller's, which closes them; None is /dev/null. After `timeout_seconds`, or when the call is cancelled, the program is killed.
        """
        ...
