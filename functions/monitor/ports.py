"""What monitor's use cases need from outside."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from functions.monitor.domain.alerts import Alert
from functions.monitor.domain.applications import Application
from functions.monitor.domain.dead_letters import Waiting, WaitingTally
from functions.monitor.domain.disk import DiskUsage
from functions.monitor.domain.figures import Range
from functions.monitor.domain.functions import FunctionTally
from functions.monitor.domain.logs import LogFilter, LogLine, StoredLine
from functions.monitor.domain.markers import Marker
from functions.monitor.domain.notifications import Channel, Delivery, Notification
from functions.monitor.domain.requests import Health, Tally, Window
from functions.monitor.domain.resources import ResourceTally, ResourceWindow
from functions.monitor.domain.rules import Rule, RuleKind
from functions.monitor.domain.timeline import Execution
from functions.monitor.domain.usage import MeasuredUse


class Applications(Protocol):
    async def get(self, application_id: UUID) -> Application | None: ...

    async def owners(self, application_ids: Collection[UUID]) -> Mapping[UUID, UUID]:
        """Application → user, for those that are known."""
        ...

    async def of_user(self, user_id: UUID) -> Sequence[Application]: ...

    async def lock(self, application_ids: Collection[UUID]) -> None:
        """Until this transaction ends, nobody else who holds them still learns or misses their owner."""
        ...

    async def lock_owners(self, application_ids: Collection[UUID]) -> Mapping[UUID, UUID]:
        """As `owners`; what is not known stays unknown until this transaction ends."""
        ...

    async def keep(self, application: Application) -> None:
        """Adds or completes what is known. Facts come in any order: what has been deleted stays deleted."""
        ...

    async def forget_deleted(self, before: datetime) -> int: ...


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

    async def tallies(self, application_id: UUID, environment: str | None, over: Range) -> Sequence[Tally]:
        """By step, environment and class of status; exact at any moment, whatever has been summed up."""
        ...

    async def health(self, application_id: UUID, environment: str, since: datetime) -> Health: ...


class Resources(Protocol):
    async def add(self, windows: Sequence[ResourceWindow]) -> None: ...

    async def tallies(self, application_id: UUID, environment: str | None, over: Range) -> Sequence[ResourceTally]:
        """By step and environment, of running instances (builds are not among them)."""
        ...

    async def by_service(self, application_id: UUID, over: Range) -> Mapping[str, ResourceTally]:
        """Service → what it used over the whole range."""
        ...


class DiskUsages(Protocol):
    """What applications take of a machine's disk."""

    async def keep(self, usages: Sequence[DiskUsage]) -> None:
        """The newest of each application stays, in whatever order they come."""
        ...

    async def of(self, application_id: UUID) -> DiskUsage | None:
        """None: never measured."""
        ...


class DeadLetters(Protocol):
    """How many wait for an operator, by function."""

    async def add(self, context: str, counts: Mapping[str, Waiting], at: datetime) -> None: ...

    async def counted_in(self, context: str) -> Collection[str]:
        """Functions of which there were any when that context counted last."""
        ...

    async def last(self, function: str, since: datetime) -> Waiting | None:
        """The newest count since a moment."""
        ...

    async def by_function(self, since: datetime, until: datetime) -> Mapping[str, WaitingTally]: ...

    async def forget(self, before: datetime) -> int: ...


class Rollups(Protocol):
    async def roll(self, since: datetime) -> int:
        """Sums up what came in since the last time, by minute and by hour; minutes before `since`, whose raw rows may be gone, stay as they are.
        How many minutes."""
        ...


class Markers(Protocol):
    async def add(self, marker: Marker) -> None:
        """The same twice is once."""
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
    """Where users are reached."""

    async def keep(self, user_id: UUID, email: str, at: datetime) -> None:
        """Facts come in any order: the newest address stays."""
        ...

    async def of(self, user_id: UUID) -> str | None: ...


class Operators(Protocol):
    """Those who run the platform."""

    def addresses(self) -> Sequence[str]:
        """Where they want mail; nowhere, if nobody said so."""
        ...


class Rules(Protocol):
    async def keep_presets(self, rules: Collection[Rule]) -> None:
        """Those that the application has not had yet: a preset that was deleted stays deleted."""
        ...

    async def add(self, rule: Rule) -> None: ...

    async def get(self, rule_id: UUID) -> Rule | None: ...

    async def of(self, application_ids: Collection[UUID], kinds: Collection[RuleKind] = tuple(RuleKind)) -> Sequence[Rule]:
        """Oldest first."""
        ...

    async def delete(self, rule_id: UUID, at: datetime) -> None: ...


class Alerts(Protocol):
    async def hold(self, incidents: Collection[str]) -> Mapping[str, Alert]:
        """As `open`; until this transaction ends, nobody else begins or moves an alert of these incidents."""
        ...

    async def open(self, incidents: Collection[str]) -> Mapping[str, Alert]:
        """Incident → its alert, if it is not closed. To look at, not to move."""
        ...

    async def open_of(self, application_id: UUID) -> Sequence[Alert]:
        """Those not closed, oldest first; held until this transaction ends."""
        ...

    async def of_deployment(self, deployment_id: UUID) -> Alert | None:
        """Closed or not; held until this transaction ends."""
        ...

    async def get(self, alert_id: UUID) -> Alert | None:
        """To look at, not to move."""
        ...

    async def locked(self, alert_id: UUID) -> Alert | None:
        """Held until this transaction ends."""
        ...

    async def save(self, alert: Alert) -> None:
        """Adds it, or writes over what is there."""
        ...

    async def page(self, application_ids: Collection[UUID], states: Collection[str], before: UUID | None, limit: int) -> Sequence[Alert]:
        """Newest first; of those that never fired only the pending."""
        ...

    async def forget(self, before: datetime) -> int:
        """Closed ones that were resolved before."""
        ...


class Channels(Protocol):
    async def add(self, channel: Channel) -> None: ...

    async def get(self, channel_id: UUID) -> Channel | None: ...

    async def of(self, application_id: UUID) -> Sequence[Channel]: ...

    async def delete(self, channel_id: UUID, at: datetime) -> None: ...

    async def seal(self, seal: Callable[[str], str]) -> int:
        """Seals the secrets that were stored before they were sealed; how many."""
        ...


class Vault(Protocol):
    """This context's own keys."""

    def seal(self, secret: str) -> str: ...

    def open(self, sealed: str) -> str:
        """Raises Permanent if the key that it was sealed with is gone."""
        ...


class Deliveries(Protocol):
    async def add(self, delivery: Delivery) -> None: ...

    async def get(self, delivery_id: UUID) -> Delivery | None: ...

    async def tried(self, delivery_id: UUID, answer: str) -> None:
        """It did not work this time."""
        ...

    async def finished(self, delivery_id: UUID, delivered: bool, answer: str, at: datetime) -> None: ...

    async def of(self, application_id: UUID, before: UUID | None, limit: int) -> Sequence[Delivery]:
        """Newest first."""
        ...

    async def forget(self, before: datetime) -> int: ...


class Mailer(Protocol):
    """Outside world: not while a transaction is open. Raises Transient or Permanent."""

    async def send(self, intent: UUID, to: str, content: Notification) -> None: ...


class Webhooks(Protocol):
    """Outside world: not while a transaction is open."""

    async def post(self, url: str, secret: str, delivery_id: UUID, body: bytes, at: datetime) -> str:
        """What the other side answered. Raises Transient or Permanent."""
        ...


class Retention(Protocol):
    """Makes room for rows to come and drops whole chunks of old ones; TimescaleDB or native partitions stand behind it."""

    async def make_room(self, since: datetime, until: datetime) -> None: ...

    async def drop(self, series: str, before: datetime) -> int:
        """`series`: the name of a table that is cut by time. How many chunks went."""
        ...


class Housekeeping(Protocol):
    """What the runtime keeps in every context's database and has to be swept: unsent events, old inbox rows."""

    async def sweep(self) -> None: ...
