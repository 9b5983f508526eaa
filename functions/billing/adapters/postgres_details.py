"""Changes of payment methods and names of applications in PostgreSQL."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import orjson
from psycopg import errors
from psycopg.rows import class_row, dict_row

from functions.billing.domain.applications import Application
from functions.billing.domain.payment_methods import PaymentMethodChange, PaymentMethodChangeStatus
from functions.billing.domain.rejections import ChangeInProgress
from functions.kernel import Transient
from functions.runtime.storage.database import Database

CHANGE: LiteralString = "id, customer_id, payment_method, requested_at, status, failure_message, settled_at, version"


class PostgresPaymentMethodChanges:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, change: PaymentMethodChange) -> None:
        connection = self._database.connection
        try:
            async with connection.transaction():
                await connection.execute(
                    f"INSERT INTO payment_method_changes ({CHANGE}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                    (
                        change.id,
                        change.customer_id,
                        change.payment_method,
                        change.requested_at,
                        change.status.value,
                        change.failure,
                        change.settled_at,
                        change.version,
                    ),
                )
        except errors.UniqueViolation as error:
            raise ChangeInProgress("Another change of the payment method is in progress. Wait for its outcome.") from error

    async def get(self, change_id: UUID) -> PaymentMethodChange:
        found = await self._select("WHERE id = %s", change_id)
        if not found:
            raise LookupError(f"there is no change {change_id} of a payment method")
        return found[0]

    async def get_latest(self, customer_id: UUID) -> PaymentMethodChange | None:
        return next(iter(await self._select("WHERE customer_id = %s ORDER BY id DESC LIMIT 1", customer_id)), None)

    async def list_pending(self, before: datetime, limit: int) -> Sequence[PaymentMethodChange]:
        return await self._select("WHERE status = 'pending' AND requested_at < %s ORDER BY requested_at LIMIT %s", before, limit)

    async def save(self, change: PaymentMethodChange) -> None:
        updated = await self._database.connection.execute(
            """
            UPDATE payment_method_changes SET status = %s, failure_message = %s, settled_at = %s, version = version + 1
            WHERE id = %s AND version = %s
            """,
            (change.status.value, change.failure, change.settled_at, change.id, change.version),
        )
        if updated.rowcount != 1:
            raise Transient(f"the change {change.id} of a payment method has changed since it was read")
        change.version += 1

    async def _select(self, where: LiteralString, *arguments: object) -> list[PaymentMethodChange]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {CHANGE} FROM payment_method_changes {where}", arguments)
            return [_change(row) for row in await cursor.fetchall()]


class PostgresApplications:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, applications: Collection[Application]) -> None:
        """Sent with the next statement or the commit: the conflict target leaves nothing that could fail."""
        self._database.connection.queue(
            """
            INSERT INTO applications AS stored (id, name, updated_at, is_deleted)
            SELECT id, name, updated_at, is_deleted
            FROM json_to_recordset(%s) AS saved (id uuid, name text, updated_at timestamptz, is_deleted boolean) ORDER BY id
            ON CONFLICT (id) DO UPDATE SET name = excluded.name, updated_at = excluded.updated_at, is_deleted = excluded.is_deleted
            WHERE stored.updated_at < excluded.updated_at AND NOT stored.is_deleted
            """,
            (orjson.dumps(list(applications)).decode(),),
        )

    async def get_many(self, application_ids: Collection[UUID]) -> dict[UUID, Application]:
        async with self._database.connection.cursor(row_factory=class_row(Application)) as cursor:
            await cursor.execute("SELECT id, name, updated_at, is_deleted FROM applications WHERE id = ANY(%s)", (list(application_ids),))
            return {application.id: application for application in await cursor.fetchall()}


def _change(row: dict[str, Any]) -> PaymentMethodChange:
    failure, status = row.pop("failure_message"), PaymentMethodChangeStatus(row["status"])
    return PaymentMethodChange(**{**row, "failure": failure, "status": status})
