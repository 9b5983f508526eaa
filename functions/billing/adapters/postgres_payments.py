"""Payments, the ledger and webhook events in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import errors
from psycopg.rows import dict_row

from functions.billing.domain.ledger import Transaction
from functions.billing.domain.money import Money
from functions.billing.domain.payments import Payment, PaymentStatus
from functions.billing.domain.rejections import ChangeInProgress
from functions.kernel import Transient
from functions.runtime.storage.database import Database

PAYMENT: LiteralString = """id, customer_id, invoice_id, attempt, amount_minor, currency, payment_method, created_at, status, provider_id,
    failure_code, failure_message, retry_at, settled_at, version"""


class PostgresPayments:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, payment: Payment) -> None:
        connection = self._database.connection
        try:
            async with connection.transaction():
                await connection.execute(
                    f"INSERT INTO payments ({PAYMENT}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                    (
                        payment.id,
                        payment.customer_id,
                        payment.invoice_id,
                        payment.attempt,
                        payment.amount.amount,
                        payment.amount.currency,
                        payment.payment_method,
                        payment.created_at,
                        payment.status.value,
                        payment.provider_id,
                        payment.failure_code,
                        payment.failure_message,
                        payment.retry_at,
                        payment.settled_at,
                        payment.version,
                    ),
                )
        except errors.UniqueViolation as error:
            if error.diag.constraint_name not in ("payments_one_pending", "payments_invoice_id_attempt_key"):
                raise
            raise ChangeInProgress from error

    async def get(self, payment_id: UUID) -> Payment | None:
        return await self._one("WHERE id = %s", payment_id)

    async def get_by_provider_id(self, provider_id: str) -> Payment | None:
        return await self._one("WHERE provider_id = %s", provider_id)

    async def get_last_attempt(self, invoice_id: UUID) -> Payment | None:
        return await self._one("WHERE invoice_id = %s ORDER BY attempt DESC LIMIT 1", invoice_id)

    async def get_latest(self, customer_id: UUID) -> Payment | None:
        return await self._one("WHERE customer_id = %s ORDER BY id DESC LIMIT 1", customer_id)

    async def list_pending(self, before: datetime, limit: int) -> Sequence[Payment]:
        return await self._select("WHERE status = 'pending' AND created_at < %s ORDER BY created_at LIMIT %s", before, limit)

    async def list_due_retries(self, before: datetime, limit: int) -> Sequence[Payment]:
        return await self._select(
            """
            WHERE retry_at < %s
                AND NOT EXISTS (SELECT FROM payments AS later WHERE later.invoice_id = payments.invoice_id AND later.attempt > payments.attempt)
                AND EXISTS (SELECT FROM invoices WHERE invoices.id = payments.invoice_id AND invoices.status = 'open')
            ORDER BY retry_at LIMIT %s
            """,
            before,
            limit,
        )

    async def list_all(self, customer_id: UUID | None, status: PaymentStatus | None, *, before: UUID | None, limit: int) -> Sequence[Payment]:
        return await self._select(
            """
            WHERE customer_id = coalesce(%s, customer_id) AND status = coalesce(%s, status) AND (%s::uuid IS NULL OR id < %s)
            ORDER BY id DESC LIMIT %s
            """,
            customer_id,
            status and status.value,
            before,
            before,
            limit,
        )

    async def _one(self, where: LiteralString, *arguments: object) -> Payment | None:
        return next(iter(await self._select(where, *arguments)), None)

    async def _select(self, where: LiteralString, *arguments: object) -> list[Payment]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {PAYMENT} FROM payments {where}", arguments)
            return [_payment(row) for row in await cursor.fetchall()]

    async def save(self, payment: Payment) -> None:
        updated = await self._database.connection.execute(
            """
            UPDATE payments SET status = %s, provider_id = %s, failure_code = %s, failure_message = %s, retry_at = %s, settled_at = %s,
                version = version + 1
            WHERE id = %s AND version = %s
            """,
            (
                payment.status.value,
                payment.provider_id,
                payment.failure_code,
                payment.failure_message,
                payment.retry_at,
                payment.settled_at,
                payment.id,
                payment.version,
            ),
        )
        if updated.rowcount != 1:
            raise Transient(f"payment {payment.id} has changed since it was read")
        payment.version += 1


class PostgresLedger:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def post(self, transaction: Transaction) -> None:
        connection = self._database.connection
        await connection.execute(
            "INSERT INTO ledger_transactions (id, kind, reference, occurred_at) VALUES (%s, %s, %s, %s)",
            (transaction.id, transaction.kind.value, transaction.reference, transaction.occurred_at),
        )
        async with connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO ledger_entries (transaction_id, position, account, customer_id, amount_minor, currency) VALUES (%s, %s, %s, %s, %s, %s)",
                [
                    (transaction.id, position, entry.account.value, entry.customer_id, entry.amount.amount, entry.amount.currency)
                    for position, entry in enumerate(transaction.entries, 1)
                ],
            )

    async def balances(self, customer_ids: Collection[UUID]) -> Mapping[UUID, Mapping[tuple[str, str], int]]:
        cursor = await self._database.connection.execute(
            "SELECT customer_id, account, currency, sum(amount_minor)::bigint FROM ledger_entries WHERE customer_id = ANY(%s) GROUP BY 1, 2, 3",
            (list(customer_ids),),
        )
        found: dict[UUID, dict[tuple[str, str], int]] = {each: {} for each in customer_ids}
        for customer_id, account, currency, amount in await cursor.fetchall():
            found[customer_id][account, currency] = amount
        return found


class PostgresWebhookEvents:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, id: str, type: str, at: datetime) -> bool:
        inserted = await self._database.connection.execute(
            "INSERT INTO webhook_events (id, type, received_at) VALUES (%s, %s, %s) ON CONFLICT (id) DO NOTHING", (id, type, at)
        )
        return inserted.rowcount == 1

    async def prune(self, before: datetime) -> int:
        deleted = await self._database.connection.execute("DELETE FROM webhook_events WHERE received_at < %s", (before,))
        return deleted.rowcount


def _payment(row: dict[str, Any]) -> Payment:
    amount = Money(row.pop("amount_minor"), row.pop("currency"))
    return Payment(**{**row, "amount": amount, "status": PaymentStatus(row["status"])})
