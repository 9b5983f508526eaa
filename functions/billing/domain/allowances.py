"""What a plan includes where it charges nothing beyond: how much of it is used, and when its customer is notified."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from events.billing import MeterAllowance, UsageAllowanceChanged, UsageThresholdReached
from functions.billing.domain.customers import Customer
from functions.billing.domain.plans import Meter, Plan
from functions.billing.domain.usage import Quantities

WARNING_PERCENT, EXHAUSTED_PERCENT = 80, 100


@dataclass(frozen=True, slots=True)
class Allowance:
    """The use of a meter in a period. `included` is a limit."""

    meter: Meter
    used: int
    included: int

    @property
    def is_exhausted(self) -> bool:
        return self.used >= self.included

    @property
    def threshold(self) -> int | None:
        """The highest threshold that is reached, in percent."""
        return next((each for each in (EXHAUSTED_PERCENT, WARNING_PERCENT) if self.used * 100 >= self.included * each), None)

    def report_threshold(self, percent: int, plan: Plan, customer: Customer, period_end: datetime, at: datetime) -> UsageThresholdReached:
        return UsageThresholdReached(
            customer_id=customer.id,
            user_id=customer.user_id,
            plan=plan.code,
            meter=self.meter,
            percent=percent,
            used=self.used,
            included=self.included,
            period_end=period_end,
            at=at,
        )


def limited_allowances(plan: Plan, used: Quantities) -> Sequence[Allowance]:
    """The meters of which the plan charges nothing beyond what it includes: the rest is not sold."""
    return [Allowance(meter, used.of(meter), plan.prices[meter].included) for meter in Meter if plan.is_limited(meter)]


def report_exhausted(exhausted: Iterable[Meter], plan: Plan, customer: Customer, period_end: datetime, at: datetime) -> UsageAllowanceChanged:
    return UsageAllowanceChanged(
        customer_id=customer.id,
        user_id=customer.user_id,
        plan=plan.code,
        exhausted=[MeterAllowance(meter=meter, included=plan.prices[meter].included) for meter in exhausted],
        period_end=period_end,
        at=at,
    )
