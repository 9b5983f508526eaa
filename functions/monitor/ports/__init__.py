"""Ports of the monitor context."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from functions.monitor.domain.alerts import Alert
from functions.monitor.domain.applications import Application
from functions.monitor.domain.dead_letters import Waiting, WaitingTally
from functions.monitor.domain.disk import DiskUsage
from functions.monitor.domain.functions import FunctionTally
from functions.monitor.domain.logs import LogFilter, LogLine, StoredLine
from functions.monitor.domain.markers import Marker
from functions.monitor.domain.metrics import Range
from functions.monitor.domain.notifications import Channel, Delivery, Notification
from functions.monitor.domain.requests import Health, Tally, Window
from functions.monitor.domain.resources import ResourceTally, ResourceWindow
from functions.monitor.domain.rules import Rule, RuleKind
from functions.monitor.domain.timeline import Execution
from functions.monitor.domain.usage import MeasuredUse
from functions.monitor.ports.erasures import Erasures as Erasures


class Applications(Protocol):
    async def get(self, application_id: UUID) -> Application | None: ...

    async def owners(self, application_ids: Collection[UUID]) -> Mapping[UUID, UUID]:
        """Application → user, for those that are known."""
        ...

    async def of_user(self, user_id: UUID) -> Sequence[Application]: ...

    async def lock(self, application_ids: Collection[UUID]) -> None:
        """Lock them until the transaction ends: concurrent transactions neither set nor miss their owner."""
        ...

    async def lock_owners(self, application_ids: Collection[UUID]) -> Mapping[UUID, UUID]:
        """As `owners`, locked: an unknown owner stays unknown until the transaction ends."""
        ...

    async def keep(self, application: Application) -> None:
        """Insert or complete. Events arrive in any order: a deleted application stays deleted."""
        ...

    async def rename(self, application: Application) -> None:
        """Set the name. Inserts an application that is not known yet."""
        ...

    async def forget_deleted(self, before: datetime) -> int: ...


class UnownedUsage(Protocol):
    """Usage of applications whose owner is not known yet."""

    async def add(self, uses: Sequence[MeasuredUse]) -> None: ...

    async def release(self, application_id: UUID) -> Sequence[MeasuredUse]:
        """Remove and return the usage held for this application."""
        ...

    async def forget(self, before: datetime) -> int: ...


class Logs(Protocol):
    async def add(self, lines: Sequence[LogLine]) -> None:
        """Append lines in their order."""
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

    async def health(self, application_id: UUID, environment: str, since: datetime) -> Health: ...


class Resources(Protocol):
    async def add(self, windows: Sequence[ResourceWindow]) -> None: ...

    async def tallies(self, application_id: UUID, environment: str | None, over: Range) -> Sequence[ResourceTally]:
        """By step and environment, of running instances without builds."""
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

    async def counted_in(self, context: str) -> Collection[str]:
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


class Addresses(Protocol):
    """E-mail addresses of users."""

    async def keep(self, user_id: UUID, email: str, at: datetime) -> None:
        """Events arrive in any order: the newest address is kept, and none of a deleted user."""
        ...

    async def of(self, user_id: UUID) -> str | None: ...


class Operators(Protocol):
    """The operators of the platform."""

    def addresses(self) -> Sequence[str]:
        """E-mail addresses for the platform's alerts; may be empty."""
        ...


class Rules(Protocol):
    async def add_missing_presets(self, rules: Collection[Rule]) -> None:
        """Insert the presets that the application never had. A deleted preset stays deleted."""
        ...

    async def add(self, rule: Rule) -> None: ...

    async def get(self, rule_id: UUID) -> Rule | None: ...

    async def of(self, application_ids: Collection[UUID], kinds: Collection[RuleKind] = tuple(RuleKind)) -> Sequence[Rule]:
        """Oldest first."""
        ...

    async def delete(self, rule_id: UUID, at: datetime) -> None: ...


class Alerts(Protocol):
    async def lock(self, incidents: Collection[str]) -> Mapping[str, Alert]:
        """As `open`, locked: until the transaction ends no other one creates or changes an alert of these incidents."""
        ...

    async def open(self, incidents: Collection[str]) -> Mapping[str, Alert]:
        """Incident → its alert that is not closed. Not locked."""
        ...

    async def open_of(self, application_id: UUID) -> Sequence[Alert]:
        """Alerts that are not closed, oldest first, locked until the transaction ends."""
        ...

    async def of_deployment(self, deployment_id: UUID) -> Alert | None:
        """Closed or not, locked until the transaction ends."""
        ...

    async def get(self, alert_id: UUID) -> Alert | None:
        """Not locked."""
        ...

    async def lock_one(self, alert_id: UUID) -> Alert | None:
        """Locked until the transaction ends."""
        ...

    async def save(self, alert: Alert) -> None:
        """Insert or update."""
        ...

    async def page(self, application_ids: Collection[UUID], states: Collection[str], before: UUID | None, limit: int) -> Sequence[Alert]:
        """Newest first. Alerts that never fired are left out unless pending."""
        ...

    async def forget(self, before: datetime) -> int:
        """Delete closed alerts that were resolved before; return how many."""
        ...


class Channels(Protocol):
    async def add(self, channel: Channel) -> None: ...

    async def get(self, channel_id: UUID) -> Channel | None: ...

    async def of(self, application_id: UUID) -> Sequence[Channel]: ...

    async def delete(self, channel_id: UUID, at: datetime) -> None: ...

    async def seal(self, seal: Callable[[str], str]) -> int:
        """Seal secrets that are stored in plain text; return how many."""
        ...


class Vault(Protocol):
    """Encryption with the keys of this context."""

    def seal(self, secret: str) -> str: ...

    def open(self, sealed: str) -> str:
        """Raises Permanent if the key is missing."""
        ...


class Deliveries(Protocol):
    async def add(self, delivery: Delivery) -> None: ...

    async def get(self, delivery_id: UUID) -> Delivery | None: ...

    async def record_attempt(self, delivery_id: UUID, answer: str) -> None:
        """Record a failed attempt."""
        ...

    async def finish(self, delivery_id: UUID, delivered: bool, answer: str, at: datetime) -> None: ...

    async def of(self, application_id: UUID, before: UUID | None, limit: int) -> Sequence[Delivery]:
        """Newest first."""
        ...

    async def forget(self, before: datetime) -> int: ...


class Mailer(Protocol):
    """A foreign system: not called while a transaction is open. Raises Transient or Permanent."""

    async def send(self, intent: UUID, to: str, content: Notification) -> None: ...


class Webhooks(Protocol):
    """A foreign system: not called while a transaction is open."""

    async def post(self, url: str, secret: str, delivery_id: UUID, body: bytes, at: datetime) -> str:
        """Return the status line of the response. Raises Transient or Permanent."""
        ...


class Retention(Protocol):
    """Partitions of the time series: TimescaleDB chunks or native partitions."""

    async def create_partitions(self, since: datetime, until: datetime) -> None: ...

    async def drop(self, series: str, before: datetime) -> int:
        """Drop whole partitions before a time; return how many. `series`: name of a partitioned table."""
        ...


class Housekeeping(Protocol):
    """The runtime's own tables in the context's database: unsent events, old inbox rows."""

    async def sweep(self) -> None: ...
