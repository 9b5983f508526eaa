"""Invoice lines, ledger transactions, invoices and payments: pure rules."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from uuid import UUID

import pytest

from functions.billing.domain import charges
from functions.billing.domain.bill import Bill, rate
from functions.billing.domain.customers import Customer
from functions.billing.domain.invoices import Invoice, InvoiceStatus, LineKind, Purpose
from functions.billing.domain.ledger import Account, Entry, Transaction, TransactionKind, Unbalanced, balances
from functions.billing.domain.money import Money
from functions.billing.domain.parties import Seller
from functions.billing.domain.payments import Payment, PaymentStatus, ProviderResult
from functions.billing.domain.periods import Period
from functions.billing.domain.rated_periods import RatedPeriod
from functions.billing.domain.usage import EnvironmentUsage
from functions.kernel import new_id
from tests.memory.billing import SEEDED

FREE_PLAN, PRO, BUSINESS = SEEDED
JUNE = Period(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
CUSTOMER, _ = Customer.create(UUID(int=1), "ada@example.org", "free", JUNE.begin)


def euros(cents: int) -> Money:
    return Money(cents, "EUR")


def new_invoice() -> Invoice:
    return Invoice.draft(Purpose.UPGRADE, CUSTOMER.id, new_id(), PRO, JUNE, charges.fee_lines(PRO, JUNE), JUNE.begin)


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
def test_the_remaining_share_of_a_period_is_exact(now: datetime, share: Fraction) -> None:
    assert charges.remaining_share(JUNE, now) == share


@pytest.mark.parametrize(("day", "credit", "debit"), [(0, -2000, 10_000), (10, -1333, 6667), (29, -67, 333)])
def test_an_upgrade_within_a_period_credits_the_rest_of_the_former_fee(day: int, credit: int, debit: int) -> None:
    credit_line, debit_line = charges.upgrade_lines(PRO, BUSINESS, JUNE, JUNE, JUNE.begin + timedelta(days=day))
    assert (credit_line.kind, credit_line.amount, debit_line.amount) == (LineKind.PRORATION, euros(credit), euros(debit))
    assert credit_line.period == debit_line.period == Period(JUNE.begin + timedelta(days=day), JUNE.end)


def test_a_prorated_upgrade_never_costs_more_than_a_whole_period() -> None:
    totals = [
        sum(line.amount.amount for line in charges.upgrade_lines(PRO, BUSINESS, JUNE, JUNE, JUNE.begin + timedelta(hours=hour)))
        for hour in range(0, 720)
    ]
    assert totals == sorted(totals, reverse=True) and totals[0] == 8000 and totals[-1] > 0


def test_an_upgrade_from_the_free_plan_costs_the_fee_of_a_new_period() -> None:
    (line,) = charges.upgrade_lines(FREE_PLAN, PRO, JUNE, JUNE, JUNE.begin + timedelta(days=10))
    assert (line.kind, line.amount, line.period) == (LineKind.FEE, PRO.fee, JUNE)


def test_a_free_plan_has_no_fee_line() -> None:
    assert charges.fee_lines(FREE_PLAN, JUNE) == []


def rated_period() -> RatedPeriod:
    return RatedPeriod(new_id(), JUNE, "pro", 1)


def used(requests: int, cpu: int = 0) -> Bill:
    return rate(PRO, JUNE, [EnvironmentUsage(UUID(int=9), "production", requests=requests, cpu_milliseconds=cpu)])


def test_usage_lines_have_all_units_and_the_price_of_those_above_the_included() -> None:
    (requests, cpu) = rated_period().unbilled_lines(used(3_000_000, 183_600_000), LineKind.USAGE)
    assert (requests.quantity, requests.amount, requests.description) == (3_000_000, euros(40), "Requests, 2,000,000 included")
    assert (cpu.quantity, cpu.amount, cpu.description) == (183_600_000, euros(8), "CPU milliseconds, 50 CPU hours included")
    assert rated_period().unbilled_lines(used(0), LineKind.USAGE) == []
    assert (
        rated_period().unbilled_lines(rate(FREE_PLAN, JUNE, [EnvironmentUsage(UUID(int=9), "a", requests=10**9, cpu_milliseconds=1)]), LineKind.USAGE)
        == []
    )


def test_late_usage_is_billed_by_difference_and_billed_again_after_its_invoice_is_void() -> None:
    rated = rated_period()
    first = rated.unbilled_lines(used(3_000_000), LineKind.USAGE)
    rated.add(first)
    assert rated.unbilled_lines(used(3_000_000), LineKind.LATE_USAGE) == []
    (late,) = rated.unbilled_lines(used(4_000_000), LineKind.LATE_USAGE)
    assert (late.quantity, late.amount, late.kind) == (1_000_000, euros(40), LineKind.LATE_USAGE)
    rated.add([late])
    rated.remove(first)
    (again,) = rated.unbilled_lines(used(4_000_000), LineKind.LATE_USAGE)
    assert (again.quantity, again.amount) == (3_000_000, euros(40))


def test_a_period_is_open_until_no_usage_can_arrive_and_all_of_it_is_billed() -> None:
    rated, bill, end = rated_period(), used(3_000_000), JUNE.end + timedelta(days=41)
    rated.close(bill, end)
    assert rated.is_open
    rated.add(rated.unbilled_lines(bill, LineKind.USAGE))
    rated.close(bill, end - timedelta(seconds=1))
    assert rated.is_open
    rated.close(bill, end)
    assert not rated.is_open


def test_a_credit_leaves_the_minimum_charge() -> None:
    lines = charges.fee_lines(PRO, JUNE)
    assert [line.amount for line in charges.credit_lines(300, lines, JUNE)] == [euros(-300)]
    assert [line.amount for line in charges.credit_lines(2000, lines, JUNE)] == [euros(-1950)]
    assert charges.credit_lines(0, lines, JUNE) == charges.credit_lines(300, [], JUNE) == []


@pytest.mark.parametrize("kind", list(TransactionKind))
def test_every_kind_of_transaction_balances(kind: TransactionKind) -> None:
    transaction = Transaction.of(kind, new_id(), CUSTOMER.id, euros(2000), JUNE.begin)
    assert balances(transaction.entries) == {"EUR": 0}
    assert {entry.account for entry in transaction.entries} == set(accounts_of(kind))


def accounts_of(kind: TransactionKind) -> tuple[Account, Account]:
    if kind in {TransactionKind.DISPUTE_OPENED, TransactionKind.DISPUTE_WON}:
        return (Account.PROVIDER, Account.DISPUTED)
    if kind is TransactionKind.DISPUTE_LOST:
        return (Account.REVENUE, Account.DISPUTED)
    moves_money = {TransactionKind.PAYMENT_RECEIVED, TransactionKind.REFUND_PAID, TransactionKind.REFUND_FAILED}
    return (Account.RECEIVABLE, Account.PROVIDER) if kind in moves_money else (Account.RECEIVABLE, Account.REVENUE)


def test_an_unbalanced_transaction_is_rejected() -> None:
    one = Entry(Account.RECEIVABLE, CUSTOMER.id, euros(100))
    for entries in (
        (),
        (one,),
        (one, Entry(Account.REVENUE, CUSTOMER.id, euros(-99))),
        (one, Entry(Account.REVENUE, CUSTOMER.id, Money(-100, "USD"))),
    ):
        with pytest.raises(Unbalanced):
            Transaction(new_id(), TransactionKind.INVOICE_ISSUED, new_id(), JUNE.begin, entries)
    with pytest.raises(ValueError):
        Entry(Account.RECEIVABLE, CUSTOMER.id, euros(0))


def test_new_invoice_status_only_moves_forward() -> None:
    invoice = new_invoice()
    with pytest.raises(ValueError):
        invoice.mark_paid(JUNE.begin)
    invoice.issue("2026-000001", CUSTOMER, Seller(), JUNE.begin)
    with pytest.raises(ValueError):
        invoice.issue("2026-000002", CUSTOMER, Seller(), JUNE.begin)
    invoice.mark_paid(JUNE.begin)
    for change in (lambda: invoice.mark_paid(JUNE.begin), lambda: invoice.void(JUNE.begin)):
        with pytest.raises(ValueError):
            change()
    assert (invoice.status, invoice.number, invoice.total) == (InvoiceStatus.PAID, "2026-000001", PRO.fee)


def test_the_outcome_of_a_payment_never_changes() -> None:
    payment, _ = Payment.create(new_invoice(), "pm_card_visa", JUNE.begin)
    assert not payment.settle(ProviderResult("pi_1", PaymentStatus.PENDING), JUNE.begin) and payment.provider_id == "pi_1"
    assert payment.settle(ProviderResult("pi_1", PaymentStatus.FAILED), JUNE.begin)
    assert not payment.settle(ProviderResult("pi_1", PaymentStatus.SUCCEEDED), JUNE.begin)
    assert (payment.status, payment.failure_code, payment.settled_at) == (PaymentStatus.FAILED, "declined", JUNE.begin)


def test_retries_are_one_four_and_eleven_days_after_the_issue() -> None:
    payment, _ = Payment.create(new_invoice(), "pm_card_visa", JUNE.begin)
    at, days = JUNE.begin, []
    while at := payment.schedule_retry(JUNE.begin, at):  # type: ignore[assignment]
        days.append((at - JUNE.begin).days)
    assert days == [1, 4, 11] and payment.retry_at is None


def test_a_timer_that_fires_slightly_early_counts_as_due() -> None:
    payment, _ = Payment.create(new_invoice(), "pm_card_visa", JUNE.begin)
    payment.settle(ProviderResult(None, PaymentStatus.FAILED), JUNE.begin)
    payment.schedule_retry(JUNE.begin, JUNE.begin)
    almost = JUNE.begin + timedelta(days=1) - timedelta(milliseconds=400)
    assert not payment.is_retry_due(almost - timedelta(minutes=5)) and payment.is_retry_due(almost)
    assert payment.schedule_retry(JUNE.begin, almost) == JUNE.begin + timedelta(days=4)
