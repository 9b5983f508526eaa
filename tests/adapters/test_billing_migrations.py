"""Migrations of billing: rows and constraints of former releases keep their meaning."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from functions.billing.domain.money import Money
from functions.billing.domain.payments import PaymentStatus
from functions.billing.domain.plans import Meter
from functions.billing.domain.rated_periods import BilledUsage
from functions.runtime.storage.database import Database
from knative.machine.migrations import migrate
from tests.adapters.billing_stores import BUSINESS, FREE_PLAN, PRO, Store, balance_of
from tests.adapters.former_schema import former_database
from tests.servers import Databases

THEN = datetime(2026, 5, 20, tzinfo=UTC)
NEXT = datetime(2026, 6, 20, tzinfo=UTC)


async def test_money_of_the_former_release_keeps_its_amounts_and_its_protection(postgres: Databases, tmp_path: Path) -> None:
    database = former_database(postgres, tmp_path, "billing", before=10)
    customer, refused, subscription, invoice, payment, transaction, note = (uuid4() for _ in range(7))
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        insert = connection.execute
        insert("INSERT INTO customers (id, user_id, email, created_at) VALUES (%s, %s, 'ada@example.org', %s)", (customer, uuid4(), THEN))
        insert(
            "INSERT INTO customers (id, user_id, email, created_at, account_refused) VALUES (%s, %s, 'bob@example.org', %s, 'no')",
            (refused, uuid4(), THEN),
        )
        insert(
            "INSERT INTO subscriptions (id, customer_id, plan_code, plan_version, status, anchored_at, started_at, billed_until)"
            " VALUES (%s, %s, 'pro', 1, 'active', %s, %s, %s)",
            (subscription, customer, THEN, THEN, NEXT),
        )
        insert("INSERT INTO rated_periods VALUES (%s, %s, %s, 'pro', 1, 120)", (subscription, THEN, NEXT))
        with connection.transaction():
            insert(
                "INSERT INTO invoices (id, customer_id, subscription_id, purpose, plan_code, plan_version, status, number, currency, total,"
                " period_begin, period_end, created_at, issued_at, settled_at)"
                " VALUES (%s, %s, %s, 'upgrade', 'pro', 1, 'paid', '2026-000001', 'EUR', 2000, %s, %s, %s, %s, %s)",
                (invoice, customer, subscription, THEN, NEXT, THEN, THEN, THEN),
            )
            insert("INSERT INTO invoice_lines VALUES (%s, 1, 'fee', 'Pro plan', 1, 2000, %s, %s)", (invoice, THEN, NEXT))
        insert("INSERT INTO invoice_numbers VALUES ('2026', 1)")
        insert(
            "INSERT INTO payments (id, customer_id, invoice_id, attempt, amount, currency, payment_method, status, created_at, settled_at)"
            " VALUES (%s, %s, %s, 1, 2000, 'EUR', 'pm_1', 'succeeded', %s, %s)",
            (payment, customer, invoice, THEN, THEN),
        )
        with connection.transaction():
            insert("INSERT INTO ledger_transactions VALUES (%s, 'invoice-issued', %s, %s)", (transaction, invoice, THEN))
            insert("INSERT INTO ledger_entries VALUES (%s, 1, 'receivable', %s, 2000, 'EUR')", (transaction, customer))
            insert("INSERT INTO ledger_entries VALUES (%s, 2, 'revenue', %s, -2000, 'EUR')", (transaction, customer))
        insert(
            "INSERT INTO credit_notes (id, invoice_id, customer_id, number, amount, currency, reason, issued_at, status, failure, settled_at)"
            " VALUES (%s, %s, %s, 'CN-2026-000001', 500, 'EUR', 'sorry', %s, 'failed', 'expired card', %s)",
            (note, invoice, customer, THEN, THEN),
        )
        insert("INSERT INTO provider_notices VALUES ('evt_1', 'payment_intent.succeeded', %s)", (THEN,))

    migrate(database.owner_url, "billing")

    functions = Database(database.functions_url)
    store = Store(functions)
    async with store.transaction():
        assert (await store.customers.get(refused)).account_refusal_reason == "no"
        assert list(await store.plans.list_offered(THEN)) == [FREE_PLAN, PRO, BUSINESS]
        to_review = await store.subscriptions.list_to_review(THEN, 10)
        assert [(each.id, each.is_announced, each.exhausted) for each in to_review] == [(subscription, False, ())]
        period = await store.rated_periods.get(subscription, THEN)
        assert period is not None and period.is_open
        assert period.billed == {Meter.REQUESTS: BilledUsage(0, Money(120, "EUR")), Meter.CPU_MILLISECONDS: BilledUsage(0, Money(0, "EUR"))}
        stored = await store.invoices.get(invoice)
        assert (stored.total, [line.amount for line in stored.lines]) == (Money(2000, "EUR"), [Money(2000, "EUR")])
        assert stored.buyer_email == "ada@example.org"
        assert await store.invoices.reserve_number("2026") == "2026-000002"
        paid = await store.payments.get(payment)
        assert paid is not None and (paid.amount, paid.status) == (Money(2000, "EUR"), PaymentStatus.SUCCEEDED)
        assert await balance_of(store, customer) == {("receivable", "EUR"): 2000, ("revenue", "EUR"): -2000}
        credit_note = await store.credit_notes.get(note)
        assert (credit_note.amount, credit_note.failure) == (Money(500, "EUR"), "expired card")
        assert not await store.webhook_events.add("evt_1", "payment_intent.succeeded", NEXT)
        assert await store.webhook_events.prune(THEN + timedelta(seconds=1)) == 1
    for statement in ("UPDATE invoices SET total_minor = 1", "UPDATE ledger_entries SET amount_minor = 1", "DELETE FROM invoice_lines"):
        with pytest.raises(psycopg.errors.RestrictViolation):
            async with functions.transaction() as connection:
                await connection.execute(statement)  # type: ignore[call-overload]
    await functions.close()
