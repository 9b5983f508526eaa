"""Invoice lines of fees: the next period's fee, and proration of a change within a period."""

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction

from functions.billing.domain.invoices import Invoice, InvoiceLine, LineKind
from functions.billing.domain.money import Money
from functions.billing.domain.payments import MIN_CHARGE_MINOR
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import Plan


def remaining_share(period: Period, now: datetime) -> Fraction:
    """The exact share of the period that lies ahead, 0 to 1."""
    remaining, whole = period.end - max(now, period.begin), period.end - period.begin
    return max(Fraction(0), Fraction(remaining // datetime.resolution, whole // datetime.resolution))


def fee_lines(plan: Plan, period: Period) -> list[InvoiceLine]:
    return [InvoiceLine(LineKind.FEE, f"{plan.name} plan", 1, plan.fee, period)] if plan.fee.amount else []


def upgrade_lines(current: Plan, new: Plan, current_period: Period, new_period: Period, now: datetime) -> list[InvoiceLine]:
    """From a plan without a fee: the fee of a new period. Otherwise: the rest of the period on the new plan less that on the current one."""
    if not current.fee.amount:
        return fee_lines(new, new_period)
    share, rest = remaining_share(current_period, now), Period(max(now, current_period.begin), current_period.end)
    return [
        InvoiceLine(LineKind.PRORATION, f"Unused time on the {current.name} plan", 1, _prorate(current.fee, -share), rest),
        InvoiceLine(LineKind.PRORATION, f"Remaining time on the {new.name} plan", 1, _prorate(new.fee, share), rest),
    ]


def served_lines(invoice: Invoice, until: datetime) -> list[InvoiceLine]:
    """The fees of an invoice for the time until `until`, when the plan stopped being served."""
    lines = []
    for line in invoice.lines:
        amount = _prorate(line.amount, 1 - remaining_share(line.period, until))
        if line.is_fee and amount.amount:
            served = Period(line.period.begin, min(line.period.end, until))
            lines.append(InvoiceLine(LineKind.PRORATION, f"{line.description} until {served.last_day:%d %b %Y}", 1, amount, served))
    return lines


def suspended_fee(plan: Plan, period: Period, suspended_at: datetime, now: datetime) -> Money:
    """The part of a period's fee for the time in which the subscription was suspended."""
    return _prorate(plan.fee, remaining_share(period, suspended_at) - remaining_share(period, now))


def credit_lines(credit_minor: int, lines: Sequence[InvoiceLine], period: Period) -> list[InvoiceLine]:
    """A line that uses the credit for suspended time, as far as the invoice stays above the minimum charge."""
    used = min(credit_minor, sum(line.amount.amount for line in lines) - MIN_CHARGE_MINOR)
    return [InvoiceLine(LineKind.CREDIT, "Credit for suspended time", 1, Money(-used, lines[0].amount.currency), period)] if used > 0 else []


def _prorate(amount: Money, share: Fraction) -> Money:
    return Money.rounded(amount.amount * share, amount.currency)
