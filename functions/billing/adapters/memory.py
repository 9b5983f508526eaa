"""Billing's ports in memory: the same promises as over PostgreSQL (one suite runs over both), for tests of use cases."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from functions.billing.domain.customers import Customer, CustomerExists, Status, Subscription
from functions.billing.domain.money import Money
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import FREE, Meter, Plan, Price, Tier
from functions.billing.domain.usage import UsageRecord, Use


def _plan(code: str, fee: int, requests: int, cpu: int, *tiers: tuple[Meter, int | None, int, int]) -> Plan:
    included = {Meter.REQUESTS: requests, Meter.CPU_MILLISECONDS: cpu}
    prices = {
        meter: Price(quantity, tuple(Tier(up_to, Money(amount, "EUR"), per) for of, up_to, amount, per in tiers if of is meter))
        for meter, quantity in included.items()
    }
    return Plan(code, 1, code.capitalize(), Money(fee, "EUR"), prices)


SEEDED = (
    _plan(FREE, 0, 100_000, 3_600_000, (Meter.REQUESTS, None, 0, 1_000_000), (Meter.CPU_MILLISECONDS, None, 0, 3_600_000)),
    _plan(
        "pro",
        2000,
        2_000_000,
        180_000_000,
        (Meter.REQUESTS, 10_000_000, 40, 1_000_000),
        (Meter.REQUESTS, None, 30, 1_000_000),
        (Meter.CPU_MILLISECONDS, None, 8, 3_600_000),
    ),
)
"""What the migration seeds."""


class MemoryCustomers:
    def __init__(self) -> None:
        self.customers: dict[UUID, Customer] = {}

    async def add(self, customer: Customer) -> None:
        if customer.user_id in self.customers:
            raise CustomerExists(str(customer.user_id))
        self.customers[customer.user_id] = customer

    async def of_user(self, user_id: UUID) -> Customer | None:
        return self.customers.get(user_id)


class MemoryPlans:
    def __init__(self, plans: Iterable[Plan] = SEEDED) -> None:
        self.plans = list(plans)

    async def offered(self, code: str, at: datetime) -> Plan:
        found = [plan for plan in self.plans if plan.code == code]
        if not found:
            raise LookupError(f"no plan {code!r} is on offer")
        return max(found, key=lambda plan: plan.version)

    async def get(self, code: str, version: int) -> Plan:
        for plan in self.plans:
            if (plan.code, plan.version) == (code, version):
                return plan
        raise LookupError(f"there is no plan {code!r} v{version}")


class MemorySubscriptions:
    def __init__(self) -> None:
        self.subscriptions: list[Subscription] = []

    async def add(self, subscription: Subscription) -> None:
        self.subscriptions.append(subscription)

    async def running(self, customer_id: UUID) -> Subscription | None:
        for subscription in self.subscriptions:
            if subscription.customer_id == customer_id and subscription.status is not Status.ENDED:
                return subscription
        return None


class MemoryUsage:
    def __init__(self) -> None:
        self.records: dict[UUID, UsageRecord] = {}
        self.hours: dict[tuple[UUID, datetime, UUID, str], tuple[int, int]] = {}

    async def record(self, record: UsageRecord) -> bool:
        if record.id in self.records:
            return False
        self.records[record.id] = record
        key = (record.user_id, record.hour, record.application_id, record.environment)
        requests, cpu = self.hours.get(key, (0, 0))
        self.hours[key] = (requests + record.requests, cpu + record.cpu_milliseconds)
        return True

    async def within(self, user_id: UUID, period: Period) -> Sequence[Use]:
        sums: dict[tuple[UUID, str], tuple[int, int]] = {}
        for (user, hour, application, environment), (requests, cpu) in self.hours.items():
            if user == user_id and period.begin <= hour < period.end:
                before = sums.get((application, environment), (0, 0))
                sums[application, environment] = (before[0] + requests, before[1] + cpu)
        return [Use(application, environment, *sums[application, environment]) for application, environment in sorted(sums)]

    async def forget_ids(self, before: datetime) -> int:
        old = [id for id, record in self.records.items() if record.begin < before]
        for id in old:
            del self.records[id]
        return len(old)
