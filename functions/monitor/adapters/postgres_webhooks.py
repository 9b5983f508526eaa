"""Webhooks of teams and their deliveries in PostgreSQL."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from functions.kernel import Caller, TeamAccess
from functions.monitor.domain.notifications import DeliveryState
from functions.monitor.domain.rejections import TooManyWebhooks, WebhookNotFound
from functions.monitor.domain.webhook import DisabledReason, Webhook
from functions.monitor.domain.webhook_delivery import WebhookDelivery
from functions.monitor.domain.webhook_events import ALL, WebhookPayload
from functions.runtime.storage.database import Database

WEBHOOK = (
    *("id", "user_id", "url", "event_types", "description", "secret", "created_at", "previous_secret", "previous_secret_expires_at"),
    *("oldest_secret", "oldest_secret_expires_at", "created_by", "failing_since", "disabled_at", "disabled_reason"),
)
WEBHOOK_COLUMNS, WEBHOOK_VALUES = ", ".join(WEBHOOK), ", ".join(f"%({name})s" for name in WEBHOOK)
WEBHOOK_UPDATES = ", ".join(f"{name} = %({name})s" for name in WEBHOOK if name not in ("id", "user_id", "created_at", "created_by"))
DELIVERY = ("id", "webhook_id", "payload", "created_at", "state", "attempts", "retries", "next_attempt_at", "response", "finished_at", "version")
DELIVERY_COLUMNS, DELIVERY_VALUES = ", ".join(DELIVERY), ", ".join(f"%({name})s" for name in DELIVERY)
DELIVERY_UPDATES = ", ".join(f"{name} = %({name})s" for name in DELIVERY[4:])


class PostgresWebhooks:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, webhook: Webhook, max_webhooks: int) -> None:
        """Creations of one team wait for each other, so that they count what the others have added."""
        await self._database.connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('webhooks-' || %s, 0))", (str(webhook.user_id),))
        counted = await self._database.connection.execute("SELECT count(*) FROM webhooks WHERE user_id = %s", (webhook.user_id,))
        row = await counted.fetchone()
        if row is not None and row[0] >= max_webhooks:
            raise TooManyWebhooks
        await self._database.connection.execute(f"INSERT INTO webhooks ({WEBHOOK_COLUMNS}) VALUES ({WEBHOOK_VALUES})", _row(webhook))

    async def find_team(self, webhook_id: UUID) -> UUID | None:
        found = await self.find_any(webhook_id)
        return found.user_id if found else None

    async def get(self, access: TeamAccess, webhook_id: UUID) -> Webhook:
        return _of_team(access, webhook_id, await self.find_any(webhook_id))

    async def lock(self, access: TeamAccess, webhook_id: UUID) -> Webhook:
        return _of_team(access, webhook_id, await self.lock_any(webhook_id))

    async def find_any(self, webhook_id: UUID) -> Webhook | None:
        return next(iter(await self._many("id = %s", webhook_id)), None)

    async def lock_any(self, webhook_id: UUID) -> Webhook | None:
        return next(iter(await self._many("id = %s FOR UPDATE", webhook_id)), None)

    async def list_of(self, access: TeamAccess) -> Sequence[Webhook]:
        return await self._many("user_id = %s ORDER BY id", access.team_id)

    async def list_of_personal_team(self, caller: Caller) -> Sequence[Webhook]:
        return await self._many("user_id = %s ORDER BY id", caller.user_id)

    async def list_receivers(self, team_ids: Collection[UUID], event_type: str) -> Sequence[Webhook]:
        ids = f"{{{','.join(map(str, team_ids))}}}"
        connection = self._database.connection
        receivers = connection.queue_rare(f"SELECT {WEBHOOK_COLUMNS} FROM list_receivers(%s::uuid[], ARRAY[%s, %s])", (ids, event_type, ALL))
        return [_webhook(dict(zip(WEBHOOK, row, strict=True))) for row in await connection.rows_of(receivers)]

    async def save(self, webhook: Webhook) -> None:
        await self._database.connection.execute(f"UPDATE webhooks SET {WEBHOOK_UPDATES} WHERE id = %(id)s", _row(webhook))

    async def delete(self, webhook: Webhook) -> None:
        await self._database.connection.execute("DELETE FROM webhooks WHERE id = %s", (webhook.id,))

    async def delete_of_team(self, team_id: UUID) -> None:
        await self._database.connection.execute("DELETE FROM webhooks WHERE user_id = %s", (team_id,))

    async def _many(self, condition: LiteralString, *values: object) -> list[Webhook]:
        return await self._read(f"webhooks WHERE {condition}", *values)

    async def _read(self, source: LiteralString, *values: object) -> list[Webhook]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {WEBHOOK_COLUMNS} FROM {source}", values)
            return [_webhook(row) for row in await cursor.fetchall()]


class PostgresWebhookDeliveries:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, delivery: WebhookDelivery) -> None:
        values = _delivery_row(delivery)
        await self._database.connection.execute(f"INSERT INTO webhook_deliveries ({DELIVERY_COLUMNS}) VALUES ({DELIVERY_VALUES})", values)

    async def find(self, delivery_id: UUID) -> WebhookDelivery | None:
        return next(iter(await self._many("id = %s", delivery_id)), None)

    async def lock(self, delivery_id: UUID) -> WebhookDelivery | None:
        return next(iter(await self._many("id = %s FOR UPDATE", delivery_id)), None)

    async def save(self, delivery: WebhookDelivery) -> None:
        await self._database.connection.execute(f"UPDATE webhook_deliveries SET {DELIVERY_UPDATES} WHERE id = %(id)s", _delivery_row(delivery))

    async def page(self, webhook: Webhook, states: Sequence[str], *, before: UUID | None, limit: int) -> Sequence[WebhookDelivery]:
        condition: LiteralString = "webhook_id = %s AND (%s::uuid IS NULL OR id < %s) AND (%s OR state = ANY(%s)) ORDER BY id DESC LIMIT %s"
        return await self._many(condition, webhook.id, before, before, not states, list(states), limit)

    async def list_overdue(self, due_before: datetime, limit: int) -> Sequence[WebhookDelivery]:
        return await self._many("state = 'pending' AND next_attempt_at < %s ORDER BY next_attempt_at LIMIT %s", due_before, limit)

    async def count_pending(self, webhook: Webhook) -> int:
        counted = await self._database.connection.execute(
            "SELECT count(*) FROM webhook_deliveries WHERE webhook_id = %s AND state = 'pending'", (webhook.id,)
        )
        row = await counted.fetchone()
        return row[0] if row is not None else 0

    async def delete_finished(self, created_before: datetime, limit: int) -> int:
        old = "SELECT id FROM webhook_deliveries WHERE created_at < %s AND state <> 'pending' LIMIT %s FOR UPDATE SKIP LOCKED"
        deleted = await self._database.connection.execute(f"DELETE FROM webhook_deliveries WHERE id IN ({old})", (created_before, limit))
        return deleted.rowcount

    async def _many(self, condition: LiteralString, *values: object) -> list[WebhookDelivery]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {DELIVERY_COLUMNS} FROM webhook_deliveries WHERE {condition}", values)
            rows = await cursor.fetchall()
        return [
            WebhookDelivery(**{**row, "payload": WebhookPayload.model_validate(row["payload"]), "state": DeliveryState(row["state"])}) for row in rows
        ]


def _of_team(access: TeamAccess, webhook_id: UUID, webhook: Webhook | None) -> Webhook:
    if webhook is None or webhook.user_id != access.team_id:
        raise WebhookNotFound.of(webhook_id)
    return webhook


def _row(webhook: Webhook) -> dict[str, Any]:
    return {**asdict(webhook), "event_types": list(webhook.event_types)}


def _webhook(row: dict[str, Any]) -> Webhook:
    reason = row["disabled_reason"]
    return Webhook(**{**row, "event_types": tuple(row["event_types"]), "disabled_reason": DisabledReason(reason) if reason else None})


def _delivery_row(delivery: WebhookDelivery) -> dict[str, Any]:
    values = {name: getattr(delivery, name) for name in DELIVERY}
    return {**values, "payload": Jsonb(delivery.payload.model_dump(mode="json", by_alias=True))}
