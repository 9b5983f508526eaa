"""What a context's health query reports about its process and database."""

import os
import resource
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from functions.runtime.storage.database import Database
from functions.runtime.storage.failures import DatabaseUnavailable

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class MemoryUsage:
    """In MB (10^6 bytes). `total`: the cgroup's limit, or the machine's memory without one."""

    used: int
    total: int


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    is_connected: bool
    response_ms: float


@dataclass(frozen=True, slots=True)
class MessageBacklog:
    """Messages of a context that wait: events in its outbox, early events that are parked, and open dead letters."""

    outbox: int
    outbox_oldest_seconds: float
    parked: int
    dead_letters: int


BACKLOG = """
    SELECT count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8,
        (SELECT count(*) FROM parked), (SELECT count(*) FROM dead_letters WHERE state = 'open')
    FROM outbox
"""


class HealthInfo:
    def __init__(
        self,
        database: Database,
        context: str,
        notices: Callable[[], Sequence[str]] = tuple,
        stored_notices: Callable[[Any, datetime], Awaitable[Sequence[str]]] | None = None,
    ) -> None:
        self._database, self._stored_notices = database, stored_notices
        self.notices = notices
        """What an operator should know about the context's settings, in sentences."""
        self.service = f"{context}-service"

    def version(self) -> str:
        return version("capsule")

    def memory(self) -> MemoryUsage:
        return MemoryUsage(_resident_bytes() // MEGABYTE, _limit_bytes() // MEGABYTE)

    async def database(self) -> DatabaseStatus:
        """Query the database and measure the round trip."""
        started = time.perf_counter()
        try:
            await self._database.ping()
        except DatabaseUnavailable:
            return DatabaseStatus(False, 0.0)
        return DatabaseStatus(True, round((time.perf_counter() - started) * 1000, 2))

    async def stored_notices(self, now: datetime) -> Sequence[str]:
        """What an operator should know about the context's state, in sentences, in the transaction of the query. Raises DatabaseUnavailable."""
        return await self._stored_notices(self._database.connection, now) if self._stored_notices else ()

    async def backlog(self) -> MessageBacklog:
        """Count what waits, in the transaction of the query. Raises DatabaseUnavailable."""
        cursor = await self._database.connection.execute(BACKLOG)
        row = await cursor.fetchone()
        assert row is not None
        return MessageBacklog(row[0], round(row[1], 1), row[2], row[3])


def _resident_bytes() -> int:
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _limit_bytes() -> int:
    cgroup = Path("/sys/fs/cgroup/memory.max")
    if cgroup.exists() and (text := cgroup.read_text().strip()).isdigit():
        return int(text)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
