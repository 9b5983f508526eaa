"""Rating: from measured use and a plan to a bill.

What a plan includes is included once for the whole customer, not for each application, so each meter is charged over the sum. The charge of a
meter is rounded once; lines share it by their quantities with the largest-remainder method, so lines add up to the total exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from functions.billing.domain.money import Money
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import Meter, Plan
from functions.billing.domain.usage import Use


@dataclass(frozen=True, slots=True)
class Charge:
    meter: Meter
    quantity: int
    included: int
    billable: int
    amount: Money


@dataclass(frozen=True, slots=True)
class Line:
    use: Use
    amount: Money


@dataclass(frozen=True, slots=True)
class Bill:
    period: Period
    plan: Plan
    charges: tuple[Charge, ...]
    lines: tuple[Line, ...]
    total: Money


def rate(plan: Plan, period: Period, uses: Sequence[Use]) -> Bill:
    charges: list[Charge] = []
    amounts = [Money.zero(plan.fee.currency) for _ in uses]
    for meter in Meter:
        price = plan.prices[meter]
        quantities = [_measured(use, meter) for use in uses]
        quantity = sum(quantities)
        charge = Charge(meter, quantity, price.included, price.billable(quantity), price.charge(quantity))
        charges.append(charge)
        amounts = [sofar + share for sofar, share in zip(amounts, charge.amount.shared(quantities), strict=True)]
    total = reduce(add, (charge.amount for charge in charges), plan.fee)
    return Bill(period, plan, tuple(charges), tuple(Line(use, amount) for use, amount in zip(uses, amounts, strict=True)), total)


def _measured(use: Use, meter: Meter) -> int:
    match meter:
        case Meter.REQUESTS:
            return use.requests
        case Meter.CPU_MILLISECONDS:
            return use.cpu_milliseconds
