"""Credit notes and disputes in PostgreSQL."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import dict_row

from functions.billing.domain.credit_notes import CreditNote, RefundStatus
from functions.billing.domain.disputes import Dispute, DisputeStatus
from functions.billing.domain.money import Money
from functions.kernel import Transient
from functions.runtime.storage.database import Database

NOTE: LiteralString = (
    "id, invoice_id, customer_id, number, amount_minor, currency, reason, issued_at, status, provider_id, failure_message, settled_at, version"
)
DISPUTE: LiteralString = "id, provider_id, payment_id, invoice_id, customer_id, amount_minor, currency, reason, status, opened_at, closed_at, version"


class PostgresCreditNotes:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, note: CreditNote) -> None:
        await self._database.connection.execute(
            f"INSERT INTO credit_notes ({NOTE}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                note.id,
                note.invoice_id,
                note.customer_id,
                note.number,
                note.amount.amount,
                note.amount.currency,
                note.reason,
                note.issued_at,
                note.status.value,
                note.provider_id,
                note.failure,
                note.settled_at,
                note.version,
            ),
        )

    async def get(self, note_id: UUID) -> CreditNote:
        notes = await self._select("WHERE id = %s", note_id)
        if not notes:
            raise LookupError(f"there is no credit note {note_id}")
        return notes[0]

    async def list_for_invoice(self, invoice_id: UUID) -> Sequence[CreditNote]:
        return await self._select("WHERE invoice_id = %s ORDER BY id", invoice_id)

    async def sum_by_invoice(self, invoice_ids: Sequence[UUID]) -> dict[UUID, int]:
        cursor = await self._database.connection.execute(
            "SELECT invoice_id, sum(amount_minor)::bigint FROM credit_notes WHERE invoice_id = ANY(%s) GROUP BY invoice_id", (list(invoice_ids),)
        )
        return dict(await cursor.fetchall())

    async def list_pending(self, before: datetime, limit: int) -> Sequence[CreditNote]:
        return await self._select("WHERE status = 'pending' AND issued_at < %s ORDER BY issued_at LIMIT %s", before, limit)

    async def _select(self, where: LiteralString, *arguments: object) -> list[CreditNote]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {NOTE} FROM credit_notes {where}", arguments)
            return [_note(row) for row in await cursor.fetchall()]

    async def save(self, note: CreditNote) -> None:
        updated = await self._database.connection.execute(
            """
            UPDATE credit_notes SET status = %s, provider_id = %s, failure_message = %s, settled_at = %s, version = version + 1
            WHERE id = %s AND version = %s
            """,
            (note.status.value, note.provider_id, note.failure, note.settled_at, note.id, note.version),
        )
        if updated.rowcount != 1:
            raise Transient(f"credit note {note.id} has changed since it was read")
        note.version += 1


class PostgresDisputes:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, dispute: Dispute) -> None:
        await self._database.connection.execute(
            f"INSERT INTO disputes ({DISPUTE}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                dispute.id,
                dispute.provider_id,
                dispute.payment_id,
                dispute.invoice_id,
                dispute.customer_id,
                dispute.amount.amount,
                dispute.amount.currency,
                dispute.reason,
                dispute.status.value,
                dispute.opened_at,
                dispute.closed_at,
                dispute.version,
            ),
        )

    async def get(self, dispute_id: UUID) -> Dispute:
        disputes = await self._select("WHERE id = %s", dispute_id)
        if not disputes:
            raise LookupError(f"there is no dispute {dispute_id}")
        return disputes[0]

    async def list_for_payments(self, payment_ids: Collection[UUID]) -> Sequence[Dispute]:
        return await self._select("WHERE payment_id = ANY(%s) ORDER BY id", list(payment_ids))

    async def _select(self, where: LiteralString, *arguments: object) -> list[Dispute]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {DISPUTE} FROM disputes {where}", arguments)
            return [_dispute(row) for row in await cursor.fetchall()]

    async def save(self, dispute: Dispute) -> None:
        updated = await self._database.connection.execute(
            "UPDATE disputes SET status = %s, closed_at = %s, version = version + 1 WHERE id = %s AND version = %s",
            (dispute.status.value, dispute.closed_at, dispute.id, dispute.version),
        )
        if updated.rowcount != 1:
            raise Transient(f"dispute {dispute.id} has changed since it was read")
        dispute.version += 1


def _dispute(row: dict[str, Any]) -> Dispute:
    amount = Money(row.pop("amount_minor"), row.pop("currency"))
    return Dispute(**{**row, "amount": amount, "status": DisputeStatus(row["status"])})


def _note(row: dict[str, Any]) -> CreditNote:
    amount, failure = Money(row.pop("amount_minor"), row.pop("currency")), row.pop("failure_message")
    return CreditNote(**{**row, "amount": amount, "failure": failure, "status": RefundStatus(row["status"])})
