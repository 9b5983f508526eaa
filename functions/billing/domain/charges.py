"""What stands on an invoice: the fee of a period ahead, use of the period that has ended, and the difference when a plan changes midway."""

from datetime import datetime
from fractions import Fraction

from functions.billing.domain.bill import Bill
from functions.billing.domain.invoices import InvoiceLine, LineKind
from functions.billing.domain.money import Money
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import Meter, Plan

UNITS = {Meter.REQUESTS: "Requests", Meter.CPU_MILLISECONDS: "Milliseconds of CPU"}


TICK = datetime.resolution


def share_left(period: Period, now: datetime) -> Fraction:
    """How much of the period lies ahead, exactly."""
    left, whole = period.end - max(now, period.begin), period.end - period.begin
    return max(Fraction(0), Fraction(left // TICK, whole // TICK))


def fee(plan: Plan, period: Period) -> list[InvoiceLine]:
    return [InvoiceLine(LineKind.FEE, f"{plan.name} plan", 1, plan.fee, period)] if plan.fee.amount else []


def upgrade(old: Plan, new: Plan, running: Period, ahead: Period, now: datetime) -> list[InvoiceLine]:
    """From a plan without a fee: the whole fee of a new period. Midway: the rest of the period on the new plan, less the rest on the old one."""
    if not old.fee.amount:
        return fee(new, ahead)
    left, rest = share_left(running, now), Period(max(now, running.begin), running.end)
    return [
        InvoiceLine(LineKind.PRORATION, f"Unused time on the {old.name} plan", 1, _part(old.fee, -left), rest),
        InvoiceLine(LineKind.PRORATION, f"Remaining time on the {new.name} plan", 1, _part(new.fee, left), rest),
    ]


def use(bill: Bill) -> list[InvoiceLine]:
    """A line for each meter that costs something; the fee of that period was paid ahead."""
    return [
        InvoiceLine(LineKind.USAGE, f"{UNITS[charge.meter]} beyond {charge.included:,}", charge.billable, charge.amount, bill.period)
        for charge in bill.charges
        if charge.amount.amount
    ]


def late_use(again: Bill, charged: Money) -> list[InvoiceLine]:
    """What came in for a period after its invoice was written: the period rated again, less what was charged for it."""
    more = of_use(again) - charged
    return [InvoiceLine(LineKind.LATE_USAGE, "Use that was reported late", 1, more, again.period)] if more.amount > 0 else []


def of_use(bill: Bill, charged: bool = True) -> Money:
    """What a period's use costs, without the fee."""
    return Money(sum(charge.amount.amount for charge in bill.charges) if charged else 0, bill.plan.fee.currency)


def _part(amount: Money, share: Fraction) -> Money:
    return Money.rounded(amount.amount * share, amount.currency)
