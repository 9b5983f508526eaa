"""Rating: the bill of a period from its measured usage and a plan.

The included quantity of a plan counts once per customer, not once per application, so each meter is charged over the
sum. The charge of a meter is rounded once. Lines share it by quantity with the largest-remainder method, so they add up
to the total exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from functions.billing.domain.money import Money
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import Meter, Plan
from functions.billing.domain.usage import EnvironmentUsage


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


def rate(plan: Plan, period: Period, usages: Sequence[EnvironmentUsage]) -> Bill:
    charges: list[Charge] = []
    amounts = [Money.zero(plan.fee.currency) for _ in usages]
    for meter in Meter:
        price = plan.prices.get(meter)
        quantities = [usage.of(meter) for usage in usages]
        quantity = sum(quantities)
        if price is not None:
            charge = Charge(meter, quantity, price.included, price.billable(quantity), price.charge(quantity))
        elif quantity:
            charge = Charge(meter, quantity, quantity, 0, Money.zero(plan.fee.currency))
        else:
            continue
        charges.append(charge)
        amounts = [amount + share for amount, share in zip(amounts, charge.amount.shared(quantities), strict=True)]
    total = reduce(add, (charge.amount for charge in charges), plan.fee)
    return Bill(period, plan, tuple(charges), tuple(Line(usage, amount) for usage, amount in zip(usages, amounts, strict=True)), total)
