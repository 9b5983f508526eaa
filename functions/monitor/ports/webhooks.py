"""Ports of webhooks of teams: where they are stored, and how their team learns that one was disabled."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from functions.kernel import Caller, TeamAccess
from functions.monitor.domain.webhook import Webhook
from functions.monitor.domain.webhook_delivery import WebhookDelivery


class WebhookStore(Protocol):
    async def add(self, webhook: Webhook, max_webhooks: int) -> None:
        """Raises TooManyWebhooks if the team has `max_webhooks` or more; concurrent callers cannot exceed it together."""
        ...

    async def find_team(self, webhook_id: UUID) -> UUID | None:
        """The team that owns it, to check the access to it."""
        ...

    async def get(self, access: TeamAccess, webhook_id: UUID) -> Webhook:
        """Raises WebhookNotFound, also for one of another team."""
        ...

    async def lock(self, access: TeamAccess, webhook_id: UUID) -> Webhook:
        """`get`, with the row locked until the transaction ends."""
        ...

    async def find_any(self, webhook_id: UUID) -> Webhook | None:
        """Read a webhook for what follows from an event, where no caller is to be checked."""
        ...

    async def lock_any(self, webhook_id: UUID) -> Webhook | None:
        """`find_any`, with the row locked until the transaction ends."""
        ...

    async def list_of(self, access: TeamAccess) -> Sequence[Webhook]:
        """The webhooks of the team, oldest first."""
        ...

    async def list_of_personal_team(self, caller: Caller) -> Sequence[Webhook]:
        """The webhooks of the caller's own team, oldest first."""
        ...

    async def list_receivers(self, team_ids: Collection[UUID], event_type: str) -> Sequence[Webhook]:
        """The enabled webhooks of these teams that receive this type, oldest first."""
        ...

    async def save(self, webhook: Webhook) -> None: ...

    async def delete(self, webhook: Webhook) -> None:
        """Delete it with its deliveries."""
        ...

    async def delete_of_team(self, team_id: UUID) -> None:
        """Delete all webhooks of a deleted team or user, with their deliveries. Idempotent."""
        ...


class WebhookDeliveries(Protocol):
    async def add(self, delivery: WebhookDelivery) -> None: ...

    async def find(self, delivery_id: UUID) -> WebhookDelivery | None: ...

    async def lock(self, delivery_id: UUID) -> WebhookDelivery | None:
        """`find`, with the row locked until the transaction ends."""
        ...

    async def save(self, delivery: WebhookDelivery) -> None: ...

    async def page(self, webhook: Webhook, states: Sequence[str], *, before: UUID | None, limit: int) -> Sequence[WebhookDelivery]:
        """Newest first. `states`: empty for all."""
        ...

    async def list_overdue(self, due_before: datetime, limit: int) -> Sequence[WebhookDelivery]:
        """Pending deliveries whose next attempt was due before then, the longest overdue first."""
        ...

    async def count_pending(self, webhook: Webhook) -> int: ...

    async def delete_finished(self, created_before: datetime, limit: int) -> int:
        """Delete at most `limit` finished deliveries that were created before then. Return how many."""
        ...


class WebhookNotices(Protocol):
    """A foreign system: not called while a transaction is open. Raises Transient or Permanent."""

    async def send_disabled(self, intent: UUID, to: str, url: str, webhook_id: UUID, reason: str) -> None:
        """E-mail the team that its webhook was disabled."""
        ...
