"""Webhooks of teams and their deliveries in memory."""

from collections.abc import Collection, Sequence
from copy import deepcopy
from datetime import datetime
from uuid import UUID

from functions.kernel import Caller, TeamAccess
from functions.monitor.domain.notifications import DeliveryState
from functions.monitor.domain.rejections import TooManyWebhooks, WebhookNotFound
from functions.monitor.domain.webhook import Webhook
from functions.monitor.domain.webhook_delivery import WebhookDelivery


class MemoryWebhookDeliveries:
    def __init__(self) -> None:
        self.rows: dict[UUID, WebhookDelivery] = {}

    async def add(self, delivery: WebhookDelivery) -> None:
        self.rows[delivery.id] = deepcopy(delivery)

    async def find(self, delivery_id: UUID) -> WebhookDelivery | None:
        return deepcopy(self.rows.get(delivery_id))

    async def lock(self, delivery_id: UUID) -> WebhookDelivery | None:
        return await self.find(delivery_id)

    async def save(self, delivery: WebhookDelivery) -> None:
        self.rows[delivery.id] = deepcopy(delivery)

    async def page(self, webhook: Webhook, states: Sequence[str], *, before: UUID | None, limit: int) -> Sequence[WebhookDelivery]:
        found = [row for row in self.rows.values() if row.webhook_id == webhook.id and (before is None or row.id < before)]
        return deepcopy(sorted([row for row in found if not states or row.state in states], key=lambda row: row.id, reverse=True)[:limit])

    async def list_overdue(self, due_before: datetime, limit: int) -> Sequence[WebhookDelivery]:
        due = [(row.next_attempt_at, row) for row in self.rows.values() if row.state is DeliveryState.PENDING and row.next_attempt_at]
        return deepcopy([row for at, row in sorted(due, key=lambda pair: pair[0]) if at < due_before][:limit])

    async def count_pending(self, webhook: Webhook) -> int:
        return sum(row.webhook_id == webhook.id and row.state is DeliveryState.PENDING for row in self.rows.values())

    async def delete_finished(self, created_before: datetime, limit: int) -> int:
        old = [id for id, row in self.rows.items() if row.created_at < created_before and row.state is not DeliveryState.PENDING][:limit]
        for id in old:
            del self.rows[id]
        return len(old)


class MemoryWebhookStore:
    def __init__(self, deliveries: MemoryWebhookDeliveries) -> None:
        self.rows: dict[UUID, Webhook] = {}
        self._deliveries = deliveries

    async def add(self, webhook: Webhook, max_webhooks: int) -> None:
        if sum(row.user_id == webhook.user_id for row in self.rows.values()) >= max_webhooks:
            raise TooManyWebhooks
        self.rows[webhook.id] = deepcopy(webhook)

    async def find_team(self, webhook_id: UUID) -> UUID | None:
        found = self.rows.get(webhook_id)
        return found.user_id if found else None

    async def get(self, access: TeamAccess, webhook_id: UUID) -> Webhook:
        found = self.rows.get(webhook_id)
        if found is None or found.user_id != access.team_id:
            raise WebhookNotFound.of(webhook_id)
        return deepcopy(found)

    async def lock(self, access: TeamAccess, webhook_id: UUID) -> Webhook:
        return await self.get(access, webhook_id)

    async def find_any(self, webhook_id: UUID) -> Webhook | None:
        return deepcopy(self.rows.get(webhook_id))

    async def lock_any(self, webhook_id: UUID) -> Webhook | None:
        return await self.find_any(webhook_id)

    async def list_of(self, access: TeamAccess) -> Sequence[Webhook]:
        return deepcopy(sorted((row for row in self.rows.values() if row.user_id == access.team_id), key=lambda row: row.id))

    async def list_of_personal_team(self, caller: Caller) -> Sequence[Webhook]:
        return deepcopy(sorted((row for row in self.rows.values() if row.user_id == caller.user_id), key=lambda row: row.id))

    async def list_receivers(self, team_ids: Collection[UUID], event_type: str) -> Sequence[Webhook]:
        found = [row for row in self.rows.values() if row.user_id in team_ids and row.receives(event_type)]
        return deepcopy(sorted(found, key=lambda row: row.id))

    async def save(self, webhook: Webhook) -> None:
        self.rows[webhook.id] = deepcopy(webhook)

    async def delete(self, webhook: Webhook) -> None:
        self.rows.pop(webhook.id, None)
        self._deliveries.rows = {id: row for id, row in self._deliveries.rows.items() if row.webhook_id != webhook.id}

    async def delete_of_team(self, team_id: UUID) -> None:
        for webhook in [row for row in self.rows.values() if row.user_id == team_id]:
            await self.delete(webhook)


class MemoryWebhookNotices:
    def __init__(self) -> None:
        self.sent: list[tuple[UUID, str, str, str]] = []
        """Intent, to, URL, reason."""
        self.trouble: list[Exception] = []

    async def send_disabled(self, intent: UUID, to: str, url: str, webhook_id: UUID, reason: str) -> None:
        if self.trouble:
            raise self.trouble.pop(0)
        self.sent.append((intent, to, url, reason))
