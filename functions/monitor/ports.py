"""What monitor's use cases need from outside."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from functions.monitor.domain.applications import Application
from functions.monitor.domain.logs import LogFilter, LogLine, StoredLine
from functions.monitor.domain.requests import MeasuredUse, Range, Tally, Window
from functions.monitor.domain.timeline import Execution


class Applications(Protocol):
    async def get(self, application_id: UUID) -> Application | None: ...

    async def owners(self, application_ids: Collection[UUID]) -> Mapping[UUID, UUID]:
        """Application → user, for those that are known."""
        ...

    async def hold_still(self, application_ids: Collection[UUID]) -> None:
        """Until this transaction ends, nobody else who holds them still learns or misses their owner."""
        ...

    async def keep(self, application: Application) -> None:
        """Adds or completes what is known. Facts come in any order: what has been destroyed stays destroyed."""
        ...

    async def forget_destroyed(self, before: datetime) -> int: ...


class UnownedUsage(Protocol):
    """Use whose payer is not known yet."""

    async def hold(self, uses: Sequence[MeasuredUse]) -> None: ...

    async def release(self, application_id: UUID) -> Sequence[MeasuredUse]:
        """Takes out what was held for this application."""
        ...

    async def forget(self, before: datetime) -> int: ...


class Logs(Protocol):
    async def add(self, lines: Sequence[LogLine]) -> None:
        """Keeps the order of the lines."""
        ...

    async def last(self, wanted: LogFilter, limit: int) -> Sequence[StoredLine]:
        """The newest `limit` lines, ascending."""
        ...

    async def following(self, wanted: LogFilter, position: int, limit: int) -> Sequence[StoredLine]:
        """The first `limit` lines after a position, ascending. Nothing is ever added before a position that was seen."""
        ...


class Requests(Protocol):
    async def add(self, windows: Sequence[Window]) -> None: ...

    async def tallies(self, application_id: UUID, environment: str | None, over: Range) -> Sequence[Tally]: ...


class Executions(Protocol):
    async def add(self, executions: Sequence[Execution]) -> None: ...

    async def of(self, correlation: str, limit: int) -> Sequence[Execution]:
        """The first `limit` of a correlation id, by start."""
        ...


class Retention(Protocol):
    """Makes room for rows to come and drops whole chunks of old ones; TimescaleDB or native partitions stand behind it."""

    async def make_room(self, since: datetime, until: datetime) -> None: ...

    async def drop(self, series: str, before: datetime) -> int:
        """`series`: log_lines, executions or request_windows. How many chunks went."""
        ...


class Memory(Protocol):
    """In MB."""

    @property
    def used(self) -> int: ...

    @property
    def total(self) -> int: ...


class DatabaseVitals(Protocol):
    @property
    def connected(self) -> bool: ...

    @property
    def response_ms(self) -> float: ...


class Vitals(Protocol):
    """How this process and its database are."""

    def version(self) -> str: ...

    def memory(self) -> Memory: ...

    async def database(self) -> DatabaseVitals: ...


class Housekeeping(Protocol):
    """What the runtime keeps in every context's database and has to be swept: unsent events, old inbox rows."""

    async def sweep(self) -> None: ...
