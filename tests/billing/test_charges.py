"""What stands on an invoice, and the books: pure rules."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from uuid import UUID

import pytest

from functions.billing.domain import charges
from functions.billing.domain.bill import rate
from functions.billing.domain.invoices import Invoice, InvoiceStatus, LineKind, Purpose
from functions.billing.domain.ledger import Account, Entry, Transaction, TransactionKind, Unbalanced, balances
from functions.billing.domain.money import Money
from functions.billing.domain.payments import Payment, PaymentStatus, ProviderResult
from functions.billing.domain.periods import Period
from functions.billing.domain.usage import EnvironmentUsage
from functions.kernel import new_id
from tests.memory.billing import SEEDED

FREE_PLAN, PRO, BUSINESS = SEEDED
JUNE = Period(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
CUSTOMER = UUID(int=1)


def euros(cents: int) -> Money:
    return Money(cents, "EUR")


def an_invoice() -> Invoice:
    return Invoice.draft(Purpose.UPGRADE, CUSTOMER, new_id(), PRO, JUNE, charges.fee_lines(PRO, JUNE), JUNE.begin)


@pytest.mark.parametrize(
    ("now", "share"),
    [
        (JUNE.begin - timedelta(days=1), Fraction(1)),
        (JUNE.begin, Fraction(1)),
        (JUNE.begin + timedelta(days=10), Fraction(2, 3)),
        (JUNE.end - timedelta(seconds=1), Fraction(1, 30 * 86400)),
        (JUNE.end, Fraction(0)),
        (JUNE.end + timedelta(days=1), Fraction(0)),
    ],
)
def test_what_is_left_of_a_period_is_exact(now: datetime, share: Fraction) -> None:
    assert charges.remaining_share(JUNE, now) == share


@pytest.mark.parametrize(("day", "credit", "debit"), [(0, -2000, 10_000), (10, -1333, 6667), (29, -67, 333)])
def test_an_upgrade_midway_gives_back_the_rest_of_the_old_fee(day: int, credit: int, debit: int) -> None:
    back, ahead = charges.upgrade_lines(PRO, BUSINESS, JUNE, JUNE, JUNE.begin + timedelta(days=day))
    assert (back.kind, back.amount, ahead.amount) == (LineKind.PRORATION, euros(credit), euros(debit))
    assert back.period == ahead.period == Period(JUNE.begin + timedelta(days=day), JUNE.end)


def test_the_parts_of_an_upgrade_never_add_up_to_more_than_the_difference_for_the_whole_period() -> None:
    totals = [
        sum(line.amount.amount for line in charges.upgrade_lines(PRO, BUSINESS, JUNE, JUNE, JUNE.begin + timedelta(hours=hour)))
        for hour in range(0, 720)
    ]
    assert totals == sorted(totals, reverse=True) and totals[0] == 8000 and totals[-1] > 0


def test_from_the_free_plan_the_whole_fee_of_a_new_period_is_due() -> None:
    (line,) = charges.upgrade_lines(FREE_PLAN, PRO, JUNE, JUNE, JUNE.begin + timedelta(days=10))
    assert (line.kind, line.amount, line.period) == (LineKind.FEE, PRO.fee, JUNE)


def test_only_what_costs_something_is_a_line() -> None:
    assert charges.fee_lines(FREE_PLAN, JUNE) == []
    assert charges.usage_lines(rate(PRO, JUNE, [EnvironmentUsage(UUID(int=9), "production", 2_000_000, 0)])) == []
    (line,) = charges.usage_lines(rate(PRO, JUNE, [EnvironmentUsage(UUID(int=9), "production", 3_000_000, 0)]))
    assert (line.quantity, line.amount, line.description) == (1_000_000, euros(40), "Requests beyond 2,000,000")


def test_late_use_is_the_difference_and_never_a_credit() -> None:
    again = rate(PRO, JUNE, [EnvironmentUsage(UUID(int=9), "production", 4_000_000, 0)])
    assert [line.amount for line in charges.late_usage_lines(again, euros(50))] == [euros(30)]
    assert charges.late_usage_lines(again, euros(80)) == charges.late_usage_lines(again, euros(90)) == []


@pytest.mark.parametrize("fact", list(TransactionKind))
def test_every_fact_is_booked_in_balance(fact: TransactionKind) -> None:
    transaction = Transaction.of(fact, new_id(), CUSTOMER, euros(2000), JUNE.begin)
    assert balances(transaction.entries) == {"EUR": 0}
    assert {entry.account for entry in transaction.entries} == set(transaction_sides(fact))


def transaction_sides(fact: TransactionKind) -> tuple[Account, Account]:
    money = {TransactionKind.PAYMENT_RECEIVED, TransactionKind.REFUND_PAID}
    return (Account.RECEIVABLE, Account.PROVIDER) if fact in money else (Account.RECEIVABLE, Account.REVENUE)


def test_what_does_not_balance_cannot_be_written() -> None:
    one = Entry(Account.RECEIVABLE, CUSTOMER, euros(100))
    for entries in ((), (one,), (one, Entry(Account.REVENUE, CUSTOMER, euros(-99))), (one, Entry(Account.REVENUE, CUSTOMER, Money(-100, "USD")))):
        with pytest.raises(Unbalanced):
            Transaction(new_id(), TransactionKind.INVOICE_ISSUED, new_id(), JUNE.begin, entries)
    with pytest.raises(ValueError):
        Entry(Account.RECEIVABLE, CUSTOMER, euros(0))


def test_an_invoice_goes_one_way() -> None:
    invoice = an_invoice()
    with pytest.raises(ValueError):
        invoice.paid(JUNE.begin)
    invoice.issue("2026-000001", JUNE.begin)
    with pytest.raises(ValueError):
        invoice.issue("2026-000002", JUNE.begin)
    invoice.paid(JUNE.begin)
    for again in (lambda: invoice.paid(JUNE.begin), lambda: invoice.void(JUNE.begin)):
        with pytest.raises(ValueError):
            again()
    assert (invoice.status, invoice.number, invoice.total) == (InvoiceStatus.PAID, "2026-000001", PRO.fee)


def test_an_outcome_is_for_good() -> None:
    payment = Payment.create(an_invoice(), "pm_card_visa", JUNE.begin)
    assert not payment.settle(ProviderResult("pi_1", PaymentStatus.PENDING), JUNE.begin) and payment.provider_id == "pi_1"
    assert payment.settle(ProviderResult("pi_1", PaymentStatus.FAILED), JUNE.begin)
    assert not payment.settle(ProviderResult("pi_1", PaymentStatus.SUCCEEDED), JUNE.begin)
    assert (payment.status, payment.failure_code, payment.settled_at) == (PaymentStatus.FAILED, "declined", JUNE.begin)


def test_retries_come_a_day_four_days_and_eleven_days_after_the_issue() -> None:
    payment = Payment.create(an_invoice(), "pm_card_visa", JUNE.begin)
    at, tries = JUNE.begin, []
    while at := payment.schedule_retry(JUNE.begin, at):  # type: ignore[assignment]
        tries.append((at - JUNE.begin).days)
    assert tries == [1, 4, 11] and payment.retry_at is None


def test_a_timer_that_comes_a_moment_early_makes_the_try_that_was_due() -> None:
    payment = Payment.create(an_invoice(), "pm_card_visa", JUNE.begin)
    payment.settle(ProviderResult(None, PaymentStatus.FAILED), JUNE.begin)
    payment.schedule_retry(JUNE.begin, JUNE.begin)
    almost = JUNE.begin + timedelta(days=1) - timedelta(milliseconds=400)
    assert not payment.is_due(almost - timedelta(minutes=5)) and payment.is_due(almost)
    assert payment.schedule_retry(JUNE.begin, almost) == JUNE.begin + timedelta(days=4)
