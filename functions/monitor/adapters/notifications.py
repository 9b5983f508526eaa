"""Webhooks and deliveries in PostgreSQL."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row
from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from functions.monitor.domain.alerts import Notice
from functions.monitor.domain.notifications import SECRET, Channel, Delivery, DeliveryState, Notification
from functions.runtime.storage.database import Database

CHANNEL = "id, application_id, url, secret, created_at"
DELIVERY = "id, application_id, channel_id, target, notice, content, created_at, state, attempts, answer, finished_at"
BATCH_SIZE = 10_000
MAX_RESPONSE_LENGTH = 500


class PostgresChannels:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, channel: Channel) -> None:
        await self._database.connection.execute(
            "INSERT INTO alert_channels (id, application_id, url, secret, created_at) VALUES (%s, %s, %s, %s, %s)",
            (channel.id, channel.application_id, channel.url, channel.secret, channel.created_at),
        )

    async def get(self, channel_id: UUID) -> Channel | None:
        found = await self._read(SQL("id = %s"), channel_id)
        return found[0] if found else None

    async def of(self, application_id: UUID) -> Sequence[Channel]:
        return await self._read(SQL("application_id = %s"), application_id)

    async def _read(self, condition: SQL, parameters: UUID) -> list[Channel]:
        async with self._database.connection.cursor(row_factory=class_row(Channel)) as cursor:
            query = SQL("SELECT {} FROM alert_channels WHERE deleted_at IS NULL AND {} ORDER BY created_at, id").format(SQL(CHANNEL), condition)
            await cursor.execute(query, (parameters,))
            return await cursor.fetchall()

    async def delete(self, channel_id: UUID, at: datetime) -> None:
        """Its key goes with it."""
        await self._database.connection.execute("UPDATE alert_channels SET deleted_at = %s, secret = '' WHERE id = %s", (at, channel_id))

    async def seal(self, seal: Callable[[str], str]) -> int:
        found = await self._database.connection.execute(
            "SELECT id, secret FROM alert_channels WHERE starts_with(secret, %s) LIMIT %s FOR UPDATE SKIP LOCKED", (SECRET, BATCH_SIZE)
        )
        rows = await found.fetchall()
        for id, secret in rows:
            await self._database.connection.execute("UPDATE alert_channels SET secret = %s WHERE id = %s", (seal(secret), id))
        return len(rows)


class PostgresDeliveries:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, delivery: Delivery) -> None:
        await self._database.connection.execute(
            "INSERT INTO alert_deliveries (id, application_id, channel_id, target, notice, content, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (
                delivery.id,
                delivery.application_id,
                delivery.channel_id,
                delivery.target,
                delivery.notice,
                Jsonb(delivery.content.model_dump(mode="json", by_alias=True)),
                delivery.created_at,
            ),
        )

    async def get(self, delivery_id: UUID) -> Delivery | None:
        found = await self._read(SQL("id = %(id)s"), {"id": delivery_id})
        return found[0] if found else None

    async def record_attempt(self, delivery_id: UUID, answer: str) -> None:
        await self._database.connection.execute(
            "UPDATE alert_deliveries SET attempts = attempts + 1, answer = %s WHERE id = %s AND state = 'pending'",
            (answer[:MAX_RESPONSE_LENGTH], delivery_id),
        )

    async def finish(self, delivery_id: UUID, delivered: bool, answer: str, at: datetime) -> None:
        await self._database.connection.execute(
            """
            UPDATE alert_deliveries SET attempts = attempts + 1, answer = %s, state = %s, finished_at = %s WHERE id = %s AND state = 'pending'
            """,
            (answer[:MAX_RESPONSE_LENGTH], DeliveryState.DELIVERED if delivered else DeliveryState.FAILED, at, delivery_id),
        )

    async def of(self, application_id: UUID, before: UUID | None, limit: int) -> Sequence[Delivery]:
        return await self._read(
            SQL("application_id = %(id)s AND (%(before)s::uuid IS NULL OR id < %(before)s) ORDER BY id DESC LIMIT %(limit)s"),
            {"id": application_id, "before": before, "limit": limit},
        )

    async def forget(self, before: datetime) -> int:
        deleted = await self._database.connection.execute(
            "DELETE FROM alert_deliveries WHERE id IN (SELECT id FROM alert_deliveries WHERE created_at < %s LIMIT %s)", (before, BATCH_SIZE)
        )
        return deleted.rowcount

    async def _read(self, condition: SQL, parameters: dict[str, object]) -> list[Delivery]:
        query = SQL("SELECT {} FROM alert_deliveries WHERE {}").format(SQL(DELIVERY), condition)
        rows = await (await self._database.connection.execute(query, parameters)).fetchall()
        return [
            Delivery(id, application, channel, target, Notice(notice), Notification.model_validate(content), created, DeliveryState(state), *rest)
            for id, application, channel, target, notice, content, created, state, *rest in rows
        ]
