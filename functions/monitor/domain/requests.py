"""Counted requests: windows as measured, tallies as read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Window:
    """Requests of one revision with one status, from `begin` to `end`."""

    begin: datetime
    end: datetime
    application_id: UUID
    environment: str
    revision: str
    status: int
    requests: int
    duration_ms: float
    buckets: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tally:
    """Requests of one class of status (2 for 200–299) in one environment whose window began within the step that begins at `at`."""

    at: datetime
    environment: str
    status_class: int
    requests: int
    duration_ms: float
    buckets: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Health:
    """How an environment answered since a moment."""

    requests: int = 0
    errors: int = 0
    buckets: Mapping[int, int] = field(default_factory=dict)
