"""Ports of alerts: rules, incidents, and where notifications go."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from functions.kernel import Permanent
from functions.monitor.domain.alerts import Alert
from functions.monitor.domain.notifications import Channel, Delivery, Notification
from functions.monitor.domain.rules import Rule, RuleKind


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
        """Store the presets that are not stored yet. A deleted preset stays deleted."""
        ...

    async def add(self, rule: Rule) -> None: ...

    async def get(self, rule_id: UUID) -> Rule | None: ...

    async def of(self, application_ids: Collection[UUID], kinds: Collection[RuleKind] = tuple(RuleKind)) -> Sequence[Rule]:
        """Oldest first, then by kind; also presets that are not stored: from its creation on an application has those of `domain.rules.presets`."""
        ...

    async def firing_without_data(self) -> Sequence[Rule]: ...

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

    async def end_incident(self, incident: str, at: datetime) -> None:
        """Remember that no alert of this incident may begin: what it is about was deleted. Idempotent."""
        ...

    async def restore_incident(self, incident: str) -> None: ...

    async def has_ended(self, incident: str) -> bool: ...

    async def page(self, application_ids: Collection[UUID], states: Collection[str], before: UUID | None, limit: int) -> Sequence[Alert]:
        """Newest first. Alerts that never fired are left out unless pending."""
        ...

    async def page_of_teams(
        self, team_ids: Collection[UUID], others: Collection[UUID], states: Collection[str], before: UUID | None, limit: int
    ) -> Sequence[Alert]:
        """As `page`, of all applications that the teams own, and of `others`. What it reads does not grow with the number of applications."""
        ...

    async def forget(self, before: datetime) -> int:
        """Delete closed alerts that were resolved before, and ended incidents; return how many alerts."""
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


class WebhookGone(Permanent):
    """The receiver wants no more requests."""


class Webhooks(Protocol):
    """A foreign system: not called while a transaction is open."""

    async def post(self, url: str, secrets: Sequence[str], delivery_id: UUID, body: bytes, at: datetime) -> str:
        """Sign with each of the secrets. Return the status line of the response. Raises Transient, Permanent, or WebhookGone for 410."""
        ...
