"""Ports of the monitor context."""

from collections import abc
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from functions.kernel import ApplicationAccess, Memberships
from functions.monitor.domain.applications import Application
from functions.monitor.domain.dead_letters import Waiting, WaitingTally
from functions.monitor.domain.disk import DiskUsage
from functions.monitor.domain.functions import FunctionTally
from functions.monitor.domain.logs import LogFilter, LogLine, StoredLine
from functions.monitor.domain.markers import Marker
from functions.monitor.domain.metrics import Range
from functions.monitor.domain.requests import Health, Tally, Window
from functions.monitor.domain.resources import ResourceTally, ResourceWindow
from functions.monitor.domain.timeline import Execution
from functions.monitor.domain.usage import MeasuredUse
from functions.monitor.ports.alerts import Addresses, Alerts, Channels, Deliveries, Mailer, Operators, Rules, Vault, WebhookGone, Webhooks
from functions.monitor.ports.collection import Collection
from functions.monitor.ports.erasures import Erasures
from functions.monitor.ports.queues import Queues
from functions.monitor.ports.webhooks import WebhookDeliveries, WebhookNotices, WebhookStore

__all__ = [
    "Addresses",
    "Alerts",
    "Applications",
    "Channels",
    "Collection",
    "DeadLetters",
    "Deliveries",
    "DiskUsages",
    "Erasures",
    "Executions",
    "Housekeeping",
    "Logs",
    "Mailer",
    "Markers",
    "Memberships",
    "Operators",
    "Queues",
    "Requests",
    "Resources",
    "Retention",
    "Rollups",
    "Rules",
    "UnownedUsage",
    "Vault",
    "WebhookDeliveries",
    "WebhookGone",
    "WebhookNotices",
    "WebhookStore",
    "Webhooks",
]


class Applications(Protocol):
    async def get(self, access: ApplicationAccess) -> Application:
        """Raises ApplicationNotFound."""
        ...

    async def find(self, application_id: UUID) -> Application | None:
        """Read an application for what follows from an event, or to check the access to it."""
        ...

    async def find_many(self, application_ids: abc.Collection[UUID]) -> Mapping[UUID, Application]:
        """Those that are known, by id."""
        ...

    async def of_teams(self, team_ids: abc.Collection[UUID]) -> Sequence[Application]: ...

    async def lock(self, application_ids: abc.Collection[UUID]) -> None:
        """Lock them until the transaction ends: concurrent transactions neither set nor miss their owner."""
        ...

    async def lock_known(self, application_ids: abc.Collection[UUID]) -> Mapping[UUID, Application]:
        """As `find_many`, locked: an unknown application stays unknown until the transaction ends."""
        ...

    async def keep(self, applications: abc.Collection[Application]) -> None:
        """Insert or complete them, none twice. Events arrive in any order: a deleted application stays deleted."""
        ...

    async def transfer(self, application: Application, at: datetime) -> None:
        """Set the team, unless a later transfer is known, and the name if it was erased. Inserts an application that is not known yet: the
        event of its creation, which may follow, then changes nothing."""
        ...

    async def rename(self, application: Application) -> None:
        """Set the name. Inserts an application that is not known yet."""
        ...

    async def record_environment(self, application_id: UUID, name: str, *, is_deleted: bool, at: datetime) -> None:
        """Remember that an environment was created or deleted, unless something later is known. Idempotent."""
        ...

    async def environments(self, application_id: UUID) -> abc.Collection[str]:
        """Names of environments that users created or deployed to, beside those that every application has. Also of deleted ones."""
        ...

    async def deleted_environments(self, application_id: UUID) -> abc.Collection[str]:
        """Names of environments that were deleted and not created again, as far as events were received."""
        ...

    async def forget_deleted(self, before: datetime) -> int: ...


class UnownedUsage(Protocol):
    """Usage of applications whose owner is not known yet."""

    async def add(self, uses: Sequence[MeasuredUse]) -> None: ...

    def release(self, application_ids: abc.Collection[UUID]) -> abc.Awaitable[Sequence[MeasuredUse]]:
        """Remove the usage held for these applications with the next statement. Await the result afterwards: the usage, oldest first."""
        ...

    async def forget(self, before: datetime) -> int: ...


class Logs(Protocol):
    async def add(self, lines: Sequence[LogLine]) -> bool:
        """Append lines in their order. Returns whether so many have come since the last True that they should be closed."""
        ...

    async def close(self) -> bool:
        """Move the oldest lines that are not closed to where searches find them by an index. Returns whether it left some.

        Changes nothing that a reader sees.
        """
        ...

    async def last(self, filter: LogFilter, limit: int) -> Sequence[StoredLine]:
        """The newest `limit` lines, ascending."""
        ...

    async def following(self, filter: LogFilter, position: int, limit: int) -> Sequence[StoredLine]:
        """The first `limit` lines after a position, ascending. No line is ever inserted before a position that was returned."""
        ...


class Requests(Protocol):
    async def add(self, windows: Sequence[Window]) -> None: ...

    async def tallies(self, application_id: UUID, environment: str | None, over: Range) -> Sequence[Tally]:
        """By step, environment and status class. Exact at any time, whatever has been rolled up."""
        ...

    async def health(self, of: Sequence[tuple[UUID, str, datetime]]) -> Sequence[Health]:
        """What was counted of each application and environment since that time, in the order of `of`. One statement, however many they are."""
        ...

    async def measured_until(self, application_id: UUID, environment: str | None) -> datetime | None:
        """The end of the newest window, within the retention of raw windows."""
        ...


class Resources(Protocol):
    async def add(self, windows: Sequence[ResourceWindow]) -> None: ...

    async def tallies(self, application_id: UUID, environment: str | None, over: Range) -> Sequence[ResourceTally]:
        """By step and environment, of running instances without builds."""
        ...

    async def measured_until(self, application_id: UUID, environment: str | None) -> datetime | None:
        """As of requests."""
        ...

    async def by_service(self, application_id: UUID, over: Range) -> Mapping[str, ResourceTally]:
        """Knative Service → usage over the whole range."""
        ...


class DiskUsages(Protocol):
    """Disk usage of applications on one machine."""

    async def keep(self, usages: Sequence[DiskUsage]) -> None:
        """Keep the newest measurement of each application, in whatever order they arrive."""
        ...

    async def of(self, application_id: UUID) -> DiskUsage | None:
        """None if it was never measured."""
        ...


class DeadLetters(Protocol):
    """Counts of dead letters by function."""

    async def add(self, context: str, counts: Mapping[str, Waiting], at: datetime) -> None: ...

    async def counted_in(self, context: str) -> abc.Collection[str]:
        """Functions that had dead letters at the context's last count."""
        ...

    async def last(self, function: str, since: datetime) -> Waiting | None:
        """The newest count since that time."""
        ...

    async def by_function(self, since: datetime, until: datetime) -> Mapping[str, WaitingTally]: ...

    async def forget(self, before: datetime) -> int: ...


class Rollups(Protocol):
    async def roll(self, since: datetime) -> int:
        """Roll up new rows by minute and by hour; return the number of minutes. Minutes before `since`, whose raw rows may be gone, stay."""
        ...


class Markers(Protocol):
    async def add(self, marker: Marker) -> None:
        """Idempotent."""
        ...

    async def between(self, application_id: UUID, environment: str | None, begin: datetime, end: datetime) -> Sequence[Marker]: ...

    async def forget(self, before: datetime) -> int: ...


class Executions(Protocol):
    async def add(self, executions: Sequence[Execution]) -> None: ...

    async def of(self, correlation: str, limit: int) -> Sequence[Execution]:
        """The first `limit` of a correlation id, by start."""
        ...

    async def by_function(self, since: datetime, until: datetime) -> Sequence[FunctionTally]: ...


class Retention(Protocol):
    """Partitions of the time series: TimescaleDB chunks or native partitions."""

    async def create_partitions(self, since: datetime, until: datetime) -> None: ...

    async def drop(self, series: str, before: datetime) -> int:
        """Drop whole partitions before a time; return how many. `series`: name of a partitioned table."""
        ...


class Housekeeping(Protocol):
    """The runtime's own tables in the context's database: unsent events, old inbox rows."""

    async def sweep(self) -> None: ...
