"""Invoice lines: the next period's fee, the last period's usage, and proration of a plan change within a period."""

from datetime import datetime
from fractions import Fraction

from functions.billing.domain.bill import Bill, Charge
from functions.billing.domain.invoices import InvoiceLine, LineKind
from functions.billing.domain.money import Money
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import Meter, Plan

CPU_MILLISECONDS_PER_HOUR = 3_600_000


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


def usage_lines(bill: Bill) -> list[InvoiceLine]:
    """One line per meter with a charge. The fee of the period was paid in advance."""
    return [
        InvoiceLine(LineKind.USAGE, _describe_usage(charge), charge.billable, charge.amount, bill.period)
        for charge in bill.charges
        if charge.amount.amount
    ]


def late_usage_lines(bill: Bill, charged: Money) -> list[InvoiceLine]:
    """Usage reported after its invoice: the period's new rating less what was `charged` for it."""
    difference = usage_cost(bill) - charged
    return [InvoiceLine(LineKind.LATE_USAGE, "Usage reported late", 1, difference, bill.period)] if difference.amount > 0 else []


def usage_cost(bill: Bill) -> Money:
    """The cost of a period's usage, without the fee."""
    return Money(sum(charge.amount.amount for charge in bill.charges), bill.plan.fee.currency)


def _describe_usage(charge: Charge) -> str:
    match charge.meter:
        case Meter.REQUESTS:
            return f"Requests above {charge.included:,}"
        case Meter.CPU_MILLISECONDS:
            return f"CPU milliseconds above {charge.included / CPU_MILLISECONDS_PER_HOUR:g} CPU hours"


def _prorate(amount: Money, share: Fraction) -> Money:
    return Money.rounded(amount.amount * share, amount.currency)
