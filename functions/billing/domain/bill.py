"""Rating: the bill of a period from its measured usage and a plan.

The included quantity of a plan counts once per customer, not once per application, so each meter is charged over the
sum. The charge of a meter is rounded once. Lines share it by quantity with the largest-remainder method, so they add up
to the total exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add

from functions.billing.domain.money import Money
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import Meter, Plan
from functions.billing.domain.usage import EnvironmentUsage, Quantities


@dataclass(frozen=True, slots=True)
class Charge:
    """Of a meter without a price, all that was used is included."""

    meter: Meter
    quantity: int
    included: int
    billable: int
    amount: Money


@dataclass(frozen=True, slots=True)
class Line:
    usage: EnvironmentUsage
    amount: Money


@dataclass(frozen=True, slots=True)
class Bill:
    """`total` is the plan's fee plus the charges."""

    period: Period
    plan: Plan
    charges: tuple[Charge, ...]
    lines: tuple[Line, ...]
    total: Money


def rate_total(plan: Plan, period: Period, used: Quantities) -> Bill:
    """A bill without lines, of what was used over all applications."""
    charges: list[Charge] = []
    for meter in Meter:
        price, quantity = plan.prices.get(meter), used.of(meter)
        if price is not None:
            charges.append(Charge(meter, quantity, price.included, price.billable(quantity), price.charge(quantity)))
        elif quantity:
            charges.append(Charge(meter, quantity, quantity, 0, Money.zero(plan.fee.currency)))
    return Bill(period, plan, tuple(charges), (), reduce(add, (charge.amount for charge in charges), plan.fee))


def rate(plan: Plan, period: Period, usages: Sequence[EnvironmentUsage]) -> Bill:
    bill = rate_total(plan, period, Quantities(**{meter.value: sum(usage.of(meter) for usage in usages) for meter in Meter}))
    amounts = [Money.zero(plan.fee.currency) for _ in usages]
    for charge in bill.charges:
        amounts = [amount + share for amount, share in zip(amounts, charge.amount.shared([each.of(charge.meter) for each in usages]), strict=True)]
    return replace(bill, lines=tuple(Line(usage, amount) for usage, amount in zip(usages, amounts, strict=True)))
