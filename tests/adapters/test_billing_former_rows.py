"""Rows as releases since V10 wrote them, in one database of billing that is migrated version by version."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from functions.billing.domain.money import Money
from functions.billing.domain.plans import Meter
from functions.billing.domain.rated_periods import BilledUsage
from functions.runtime.storage.database import Database
from tests.adapters.billing_stores import Store
from tests.adapters.former_schema import FormerDatabase
from tests.servers import Databases

APRIL, MAY, JUNE = (datetime(2026, month, 20, tzinfo=UTC) for month in (4, 5, 6))
HOUR = timedelta(hours=1)
FIRST = 11
LINES = "SELECT position, kind, meter, amount_minor FROM invoice_lines WHERE invoice_id = %s ORDER BY position"


class Former(FormerDatabase):
    """Billing's rows as V10 has them."""

    numbers = 0

    def add_customer(self, email: str) -> tuple[UUID, UUID]:
        customer, user = uuid4(), uuid4()
        self.insert("customers", id=customer, user_id=user, email=email, created_at=APRIL)
        return customer, user

    def add_subscription(self, customer: UUID, plan: str, status: str, **more: Any) -> UUID:
        subscription = uuid4()
        self.insert(
            "subscriptions",
            **{"id": subscription, "customer_id": customer, "plan_code": plan, "plan_version": 1, "status": status, "anchored_at": APRIL},
            **{"started_at": APRIL, "billed_until": JUNE, **more},
        )
        return subscription

    def add_invoice(self, customer: UUID, subscription: UUID, status: str, lines: list[tuple[str, str, int, datetime]], begin: datetime) -> UUID:
        """`lines`: kind, description, amount, begin of their period."""
        invoice, numbered = uuid4(), status in ("open", "paid")
        self.numbers += numbered
        with psycopg.connect(self.database.owner_url) as connection:
            connection.execute(
                "INSERT INTO invoices (id, customer_id, subscription_id, purpose, plan_code, plan_version, status, number, currency, total_minor,"
                " period_begin, period_end, created_at, issued_at, settled_at)"
                " VALUES (%s, %s, %s, 'renewal', 'pro', 1, %s, %s, 'EUR', %s, %s, %s, %s, %s, %s)",
                (
                    *(invoice, customer, subscription, status, f"2026-{self.numbers:06}" if numbered else None),
                    *(sum(amount for _, _, amount, _ in lines), begin, begin + timedelta(days=30), begin),
                    *(begin if numbered else None, begin if status in ("paid", "void") else None),
                ),
            )
            for position, (kind, description, amount, since) in enumerate(lines, 1):
                connection.execute(
                    "INSERT INTO invoice_lines (invoice_id, position, kind, description, quantity, amount_minor, period_begin, period_end)"
                    " VALUES (%s, %s, %s, %s, 1, %s, %s, %s)",
                    (invoice, position, kind, description, amount, since, since + timedelta(days=30)),
                )
        return invoice

    def add_payment(self, customer: UUID, invoice: UUID, status: str, settled_at: datetime, attempt: int = 1) -> None:
        code = "card_declined" if status == "failed" else None
        self.insert(
            "payments",
            **{"id": uuid4(), "customer_id": customer, "invoice_id": invoice, "attempt": attempt, "amount_minor": 2000, "currency": "EUR"},
            **{"payment_method": "pm_1", "status": status, "created_at": MAY, "settled_at": settled_at, "failure_code": code},
        )

    def add_usage(self, user: UUID, hour: datetime, requests: int, cpu: int) -> None:
        self.insert("usage_hours", user_id=user, hour=hour, application_id=uuid4(), environment="staging", requests=requests, cpu_milliseconds=cpu)

    def rate(self, subscription: UUID, begin: datetime, end: datetime, plan: str, charged: int) -> None:
        self.insert(
            "rated_periods",
            subscription_id=subscription,
            period_begin=begin,
            period_end=end,
            plan_code=plan,
            plan_version=1,
            charged_minor=charged,
        )


async def test_rows_of_each_version_are_what_they_were(postgres: Databases, tmp_path: Path) -> None:
    former = Former(postgres, tmp_path, "billing")
    former.migrate_through(10)
    paying, payer = former.add_customer("ada@example.org")
    free, free_user = former.add_customer("bob@example.org")
    pro = former.add_subscription(paying, "pro", "active")
    starter = former.add_subscription(free, "free", "active")
    fee = ("fee", "Pro plan", 2000, MAY)
    april = [("usage", "Requests", 40, APRIL), ("usage", "CPU time", 16, APRIL)]
    paid = former.add_invoice(paying, pro, "paid", [fee, *april], MAY)
    void = former.add_invoice(paying, pro, "void", [("usage", "CPU time", 7, APRIL)], MAY + HOUR)
    late = former.add_invoice(paying, pro, "open", [fee, ("late-usage", "Usage reported late", 30, APRIL), ("usage", "CPU time", 8, MAY)], JUNE)
    draft = former.add_invoice(free, starter, "draft", [("proration", "Pro plan", 900, MAY)], MAY)
    former.rate(pro, APRIL, MAY, "pro", 86)
    former.rate(pro, MAY, JUNE, "pro", 8)
    former.rate(starter, APRIL, MAY, "free", 0)
    for user, hour, requests, cpu in (
        *((payer, APRIL, 3_000_000, 180_000_000), (payer, MAY - HOUR, 1, 2), (payer, MAY, 5, 3_600_000), (payer, JUNE, 9, 9)),
        *((free_user, APRIL, 100_001, 7), (free_user, APRIL - HOUR, 4, 4)),
    ):
        former.add_usage(user, hour, requests, cpu)
    suspended = {}
    for name, status, failures in (("declined", "open", 2), ("void since", "void", 1), ("never charged", "open", 0)):
        customer, _ = former.add_customer(f"{name.split()[0]}@example.org")
        suspended[name] = former.add_subscription(customer, "pro", "suspended")
        invoice = former.add_invoice(customer, suspended[name], status, [fee], MAY)
        for attempt in range(failures):
            former.add_payment(customer, invoice, "failed", MAY + (attempt + 1) * HOUR, attempt + 1)
    gone, _ = former.add_customer("gone@example.org")
    ended = former.add_subscription(gone, "pro", "ended", ended_at=MAY)

    former.migrate_through(11)
    assert former.rows(LINES, paid) == [(1, "fee", None, 2000), (2, "usage", "requests", 40), (3, "usage", "cpu_milliseconds", 16)]
    assert former.rows(LINES, void) == [(1, "usage", "cpu_milliseconds", 7)]
    assert former.rows(LINES, late) == [(1, "fee", None, 2000), (2, "late-usage", "requests", 30), (3, "usage", "cpu_milliseconds", 8)]
    assert former.rows(LINES, draft) == [(1, "proration", None, 900)]
    billed = "SELECT period_begin, meter, quantity, amount_minor FROM billed_usage WHERE subscription_id = %s ORDER BY 1, 2"
    assert former.rows(billed, pro) == [
        *((APRIL, "cpu_milliseconds", 180_000_002, 16), (APRIL, "requests", 3_000_001, 70)),  # 86 charged in all, 16 of it for CPU
        *((MAY, "cpu_milliseconds", 3_600_000, 8), (MAY, "requests", 5, 0)),
    ]
    assert former.rows(billed, starter) == [(APRIL, "cpu_milliseconds", 7, 0), (APRIL, "requests", 100_001, 0)]
    since = {id: at for id, at in former.rows("SELECT id, suspended_at FROM subscriptions")}
    assert since[suspended["declined"]] == MAY + 2 * HOUR, "the last declined payment of the open invoice"
    for name in ("void since", "never charged"):
        assert abs(since[suspended[name]] - datetime.now(UTC)) < timedelta(minutes=10), "nothing says since when: from the upgrade on"
    assert since[pro] is since[ended] is None
    with pytest.raises(psycopg.errors.RestrictViolation):
        former.execute("UPDATE invoice_lines SET amount_minor = 0")
    final = former.add_invoice(gone, ended, "paid", [("credit", "Time without service", -5, MAY), ("usage", "Requests", 5, MAY)], MAY)

    transaction = uuid4()
    with psycopg.connect(former.database.owner_url) as connection:
        connection.execute("INSERT INTO ledger_transactions VALUES (%s, 'credit-issued', %s, %s)", (transaction, paid, MAY))
        for position, (account, amount) in enumerate((("receivable", -5), ("revenue", 5)), 1):
            connection.execute("INSERT INTO ledger_entries VALUES (%s, %s, %s, %s, %s, 'EUR')", (transaction, position, account, paying, amount))
    former.migrate_through(12)
    assert former.rows("SELECT kind FROM ledger_transactions") == [("credit-issued",)]

    former.migrate_through(13)
    assert former.rows("SELECT DISTINCT cpu_until FROM usage_hours") == [(None,)]

    former.migrate_through(14)
    assert former.rows("SELECT DISTINCT is_announced, exhausted_meters, exhausted_until FROM subscriptions") == [(False, [], None)]
    newer, _ = former.add_customer("newer@example.org")
    announced = former.add_subscription(newer, "free", "active")

    former.migrate_through(17)
    emails = dict(former.rows("SELECT id, buyer_email FROM invoices"))
    assert (emails[paid], emails[late], emails[final]) == ("ada@example.org", "ada@example.org", "gone@example.org")
    assert emails[void] is emails[draft] is None, "an invoice without a number has no buyer yet"
    with pytest.raises(psycopg.errors.RestrictViolation):
        former.execute("UPDATE invoices SET buyer_email = 'other@example.org' WHERE number IS NOT NULL")

    former.migrate_through(24)
    assert former.rows("SELECT DISTINCT parties FROM invoices") == [(None,)] == former.rows("SELECT DISTINCT billing_details FROM customers")
    with pytest.raises(psycopg.errors.RestrictViolation):
        former.execute("UPDATE invoices SET parties = '{}' WHERE number IS NOT NULL")

    former.migrate_through(25)
    stored = "SELECT DISTINCT database_mib_seconds, redis_mib_seconds, volume_mib_seconds, backup_mib_seconds FROM usage_hours"
    assert former.rows(stored) == [(0, 0, 0, 0)]
    assert former.rows("SELECT count(*) FROM prices WHERE plan_version = 1") == [(6,)], "whoever has a plan keeps its prices"
    former.execute("UPDATE subscriptions SET is_announced = true")
    former.insert("plans", code="own", version=1, name="Own", fee_minor=1, currency="EUR", offered_from=APRIL)

    former.migrate_through(26)
    limits = dict(former.rows("SELECT plan_code || plan_version, volumes_mib FROM storage_entitlements"))
    assert limits == {"free1": 2048, "pro1": 102400, "pro2": 102400, "business1": 1048576, "business2": 1048576, "own1": 1048576}
    assert former.rows("SELECT DISTINCT is_announced FROM subscriptions WHERE status <> 'ended'") == [(False,)], "published once more"

    former.migrate_through(28)
    assert former.rows("SELECT missing_since FROM measurement") == [(None,)]

    hours = former.rows("SELECT user_id, date_trunc('day', hour, 'UTC'), requests FROM usage_hours ORDER BY hour")
    former.migrate_through(30)
    assert former.rows("SELECT user_id, day, requests FROM usage_days ORDER BY user_id, day, requests") == sorted(hours)
    totals: dict[tuple[UUID, datetime], int] = {}
    for user, day, requests in hours:
        totals[user, day] = totals.get((user, day), 0) + requests
    assert former.rows("SELECT user_id, day, requests FROM usage_totals ORDER BY 1, 2") == [(*key, totals[key]) for key in sorted(totals)]
    former.add_usage(free_user, MAY + HOUR, 11, 13)
    assert former.rows("SELECT requests, cpu_milliseconds FROM usage_totals WHERE user_id = %s ORDER BY day DESC LIMIT 1", free_user) == [(11, 13)]
    former.execute("DELETE FROM usage_hours WHERE requests = 11")
    former.migrate_to_newest()
    assert not former.unvisited(since=FIRST), "apply these versions here, one at a time, to rows of the version before"

    functions = Database(former.database.functions_url)
    store = Store(functions)
    try:
        async with store.transaction():
            period = await store.rated_periods.get(pro, APRIL)
            assert period is not None and period.is_open
            assert period.billed[Meter.REQUESTS] == BilledUsage(3_000_001, Money(70, "EUR"))
            to_review = {each.id for each in await store.subscriptions.list_to_review(MAY, 100)}
            assert to_review == {pro, starter, announced, *suspended.values()}, "what other contexts do not know; not what has ended"
            issued = await store.invoices.get(late)
            assert [line.amount.amount for line in issued.lines] == [2000, 30, 8]
    finally:
        await functions.close()
