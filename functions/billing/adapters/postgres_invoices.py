"""Invoices in PostgreSQL. Triggers protect issued invoices from changes."""

from collections.abc import Sequence
from typing import Any, LiteralString
from uuid import UUID

from psycopg import errors
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from functions.billing.domain.invoices import Invoice, InvoiceLine, InvoiceStatus, LineKind, Purpose, format_number
from functions.billing.domain.money import Money
from functions.billing.domain.parties import Parties
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import Meter
from functions.billing.domain.rejections import ChangeInProgress, InvoiceNotFound
from functions.kernel import Transient
from functions.runtime.storage.database import Database

INVOICE: LiteralString = """id, customer_id, subscription_id, purpose, plan_code, plan_version, status, number, currency, total_minor,
    period_begin, period_end, created_at, issued_at, settled_at, buyer_email, parties, version"""


class PostgresInvoices:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, invoice: Invoice) -> None:
        connection = self._database.connection
        try:
            async with connection.transaction():
                await connection.execute(
                    f"INSERT INTO invoices ({INVOICE}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                    (
                        invoice.id,
                        invoice.customer_id,
                        invoice.subscription_id,
                        invoice.purpose.value,
                        invoice.plan_code,
                        invoice.plan_version,
                        invoice.status.value,
                        invoice.number,
                        invoice.total.currency,
                        invoice.total.amount,
                        invoice.period.begin,
                        invoice.period.end,
                        invoice.created_at,
                        invoice.issued_at,
                        invoice.settled_at,
                        invoice.buyer_email,
                        _stored_parties(invoice),
                        invoice.version,
                    ),
                )
        except errors.UniqueViolation as error:
            if error.diag.constraint_name != "invoices_one_pending_upgrade":
                raise
            raise ChangeInProgress from error
        async with connection.cursor() as cursor:
            await cursor.executemany(
                """
                INSERT INTO invoice_lines (invoice_id, position, kind, description, quantity, amount_minor, period_begin, period_end, meter)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
                """,
                [
                    (
                        invoice.id,
                        position,
                        line.kind.value,
                        line.description,
                        line.quantity,
                        line.amount.amount,
                        line.period.begin,
                        line.period.end,
                        line.meter and line.meter.value,
                    )
                    for position, line in enumerate(invoice.lines, 1)
                ],
            )

    async def get(self, invoice_id: UUID) -> Invoice:
        invoices = await self._select("WHERE id = %s", invoice_id)
        if not invoices:
            raise InvoiceNotFound
        return invoices[0]

    async def get_pending_upgrade(self, subscription_id: UUID) -> Invoice | None:
        return next(iter(await self._select("WHERE subscription_id = %s AND purpose = 'upgrade' AND status = 'draft'", subscription_id)), None)

    async def has_open(self, customer_id: UUID) -> bool:
        cursor = await self._database.connection.execute(
            "SELECT EXISTS (SELECT FROM invoices WHERE customer_id = %s AND status = 'open')", (customer_id,)
        )
        row = await cursor.fetchone()
        return bool(row and row[0])

    async def list_open(self, customer_id: UUID) -> Sequence[Invoice]:
        return await self._select("WHERE customer_id = %s AND status = 'open' ORDER BY id", customer_id)

    async def list_for_period(self, customer_id: UUID, period: Period) -> Sequence[Invoice]:
        return await self._select(
            "WHERE customer_id = %s AND status IN ('open', 'paid') AND period_begin = %s ORDER BY id", customer_id, period.begin
        )

    async def list_issued(self, customer_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Invoice]:
        return await self._select(
            "WHERE customer_id = %s AND number IS NOT NULL AND (%s::uuid IS NULL OR id < %s) ORDER BY id DESC LIMIT %s",
            customer_id,
            before,
            before,
            limit,
        )

    async def list_all(self, customer_id: UUID | None, status: InvoiceStatus | None, *, before: UUID | None, limit: int) -> Sequence[Invoice]:
        return await self._select(
            """
            WHERE number IS NOT NULL AND customer_id = coalesce(%s, customer_id) AND status = coalesce(%s, status)
                AND (%s::uuid IS NULL OR id < %s)
            ORDER BY id DESC LIMIT %s
            """,
            customer_id,
            status and status.value,
            before,
            before,
            limit,
        )

    async def _select(self, where: LiteralString, *arguments: object) -> list[Invoice]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {INVOICE} FROM invoices {where}", arguments)
            rows = await cursor.fetchall()
            await cursor.execute(
                "SELECT * FROM invoice_lines WHERE invoice_id = ANY(%s) ORDER BY invoice_id, position", ([row["id"] for row in rows],)
            )
            lines: dict[UUID, list[dict[str, Any]]] = {}
            for line in await cursor.fetchall():
                lines.setdefault(line["invoice_id"], []).append(line)
        return [_invoice(row, lines.get(row["id"], [])) for row in rows]

    async def save(self, invoice: Invoice) -> None:
        updated = await self._database.connection.execute(
            "UPDATE invoices SET status = %s, number = %s, issued_at = %s, settled_at = %s, buyer_email = %s, parties = %s, version = version + 1"
            " WHERE id = %s AND version = %s",
            (
                invoice.status.value,
                invoice.number,
                invoice.issued_at,
                invoice.settled_at,
                invoice.buyer_email,
                _stored_parties(invoice),
                invoice.id,
                invoice.version,
            ),
        )
        if updated.rowcount != 1:
            raise Transient(f"invoice {invoice.id} has changed since it was read")
        invoice.version += 1

    async def reserve_number(self, series: str) -> str:
        cursor = await self._database.connection.execute(
            """
            INSERT INTO invoice_numbers AS numbers VALUES (%s, 1)
            ON CONFLICT (series) DO UPDATE SET last_number = numbers.last_number + 1 RETURNING last_number
            """,
            (series,),
        )
        row = await cursor.fetchone()
        assert row is not None
        return format_number(series, row[0])


def _stored_parties(invoice: Invoice) -> Jsonb | None:
    return Jsonb(invoice.parties.to_json()) if invoice.parties else None


def _invoice(row: dict[str, Any], lines: list[dict[str, Any]]) -> Invoice:
    currency = row["currency"]
    return Invoice(
        id=row["id"],
        customer_id=row["customer_id"],
        subscription_id=row["subscription_id"],
        purpose=Purpose(row["purpose"]),
        plan_code=row["plan_code"],
        plan_version=row["plan_version"],
        lines=tuple(
            InvoiceLine(
                LineKind(line["kind"]),
                line["description"],
                line["quantity"],
                Money(line["amount_minor"], currency),
                Period(line["period_begin"], line["period_end"]),
                Meter(line["meter"]) if line["meter"] else None,
            )
            for line in lines
        ),
        total=Money(row["total_minor"], currency),
        period=Period(row["period_begin"], row["period_end"]),
        created_at=row["created_at"],
        status=InvoiceStatus(row["status"]),
        number=row["number"],
        issued_at=row["issued_at"],
        settled_at=row["settled_at"],
        buyer_email=row["buyer_email"],
        parties=Parties.of_json(row["parties"]) if row["parties"] else None,
        version=row["version"],
    )
