"""The parts of a backup, by kind. A kind lists its parts when a backup begins, and restores one into a state folder."""

from collections.abc import Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import Protocol

from knative.machine.home import Home


def count(parts: Sized) -> str:
    """How many parts, for people."""
    return "1 part" if len(parts) == 1 else f"{len(parts)} parts"


class Source(Protocol):
    """One part: `name` is its name in the store."""

    @property
    def name(self) -> str: ...

    def read(self) -> Iterator[bytes]:
        """Yield the content. Raises Gone if it has been deleted since it was listed, ProgramFailed or OSError if it cannot be read whole."""
        ...


class Gone(Exception):
    """What was listed has been deleted meanwhile: the backup is complete without it."""


class Kind(Protocol):
    title: str
    """For people."""
    prefix: str
    """Of the names of its parts."""
    needs_servers: bool
    """Whether its parts are restored into running servers."""

    def sources(self, home: Home, moment: "Moment") -> Sequence[Source]: ...

    def restore(self, home: Home, name: str, chunks: Iterator[bytes]) -> None:
        """Restore one part. The order of parts is that of the backup."""
        ...


@dataclass(frozen=True, slots=True)
class Moment:
    """The moment that the databases are stored as of: exported snapshots, and what was on its way."""

    snapshots: dict[str, str]
    """Context → snapshot (pg_export_snapshot)."""
    in_flight: int
    """Messages in queues, and events in outboxes, then. 0: nothing is lost but retries that waited."""
    delayed: int
    """Messages in the delay exchange."""
