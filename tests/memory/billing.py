"""In-memory customers, plans and usage. The contract suites in `tests/adapters` run on these and on PostgreSQL."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from functions.billing.domain.applications import Application
from functions.billing.domain.billing_details import BillingDetails
from functions.billing.domain.customers import Customer, CustomerExists
from functions.billing.domain.money import Money
from functions.billing.domain.periods import Period, day_start
from functions.billing.domain.plans import FREE, MIB_SECONDS_PER_GIB_MONTH, Entitlements, Meter, Plan, Price, StorageEntitlements, Tier
from functions.billing.domain.transfers import Transfer, owner_at
from functions.billing.domain.usage import EnvironmentUsage, Quantities, UsageRecord

BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


def _plan(code: str, fee: int, requests: int, cpu: int, entitlements: Entitlements, *tiers: tuple[Meter, int | None, int, int]) -> Plan:
    included = {Meter.REQUESTS: requests, Meter.CPU_MILLISECONDS: cpu}
    prices = {
        meter: Price(quantity, tuple(Tier(up_to, Money(amount, "EUR"), per) for of, up_to, amount, per in tiers if of is meter))
        for meter, quantity in included.items()
    }
    return Plan(code, 1, code.capitalize(), Money(fee, "EUR"), prices, entitlements)


SEEDED = (
    _plan(
        FREE,
        0,
        100_000,
        3_600_000,
        Entitlements(5, 2560, StorageEntitlements(5, 5120, 5, 2048, 100, 5120)),
        (Meter.REQUESTS, None, 0, 1_000_000),
        (Meter.CPU_MILLISECONDS, None, 0, 3_600_000),
    ),
    _plan(
        "pro",
        2000,
        2_000_000,
        180_000_000,
        Entitlements(25, 16_384, StorageEntitlements(25, 51_200, 50, 102_400, 1000, 204_800)),
        (Meter.REQUESTS, 10_000_000, 40, 1_000_000),
        (Meter.REQUESTS, None, 30, 1_000_000),
        (Meter.CPU_MILLISECONDS, None, 8, 3_600_000),
    ),
    _plan(
        "business",
        10_000,
        20_000_000,
        1_800_000_000,
        Entitlements(100, 131_072, StorageEntitlements(100, 512_000, 200, 1_048_576, 10_000, 2_097_152)),
        (Meter.REQUESTS, 100_000_000, 30, 1_000_000),
        (Meter.REQUESTS, None, 20, 1_000_000),
        (Meter.CPU_MILLISECONDS, None, 6, 3_600_000),
    ),
)
"""The first versions of the plans, which the migrations insert."""


def _with_storage(plan: Plan, **storage: tuple[float, int]) -> Plan:
    """`storage`: meter → included GiB months, and the price of a GiB month in cents."""
    prices = {
        Meter(meter): Price(int(included * MIB_SECONDS_PER_GIB_MONTH), (Tier(None, Money(amount, "EUR"), MIB_SECONDS_PER_GIB_MONTH),))
        for meter, (included, amount) in storage.items()
    }
    return replace(plan, version=2, prices={**plan.prices, **prices})


WITH_STORAGE = (
    _with_storage(SEEDED[1], database_mib_seconds=(5, 25), redis_mib_seconds=(0.25, 400), volume_mib_seconds=(20, 10), backup_mib_seconds=(50, 4)),
    _with_storage(SEEDED[2], database_mib_seconds=(50, 20), redis_mib_seconds=(2, 300), volume_mib_seconds=(200, 8), backup_mib_seconds=(500, 3)),
)
"""The second versions, on offer from WITH_STORAGE_FROM on."""
WITH_STORAGE_FROM = datetime(2026, 11, 30, tzinfo=UTC)


class MemoryCustomers:
    def __init__(self) -> None:
        self.customers: dict[UUID, Customer] = {}

    async def add(self, customer: Customer) -> None:
        if customer.user_id in self.customers:
            raise CustomerExists(str(customer.user_id))
        self.customers[customer.user_id] = customer

    async def get_by_user(self, user_id: UUID) -> Customer | None:
        return self.customers.get(user_id)

    async def get(self, customer_id: UUID) -> Customer:
        for customer in self.customers.values():
            if customer.id == customer_id:
                return customer
        raise LookupError(f"there is no customer {customer_id}")

    async def get_many(self, customer_ids: Collection[UUID]) -> Mapping[UUID, Customer]:
        return {each: await self.get(each) for each in customer_ids}

    async def set_provider_id(self, customer_id: UUID, provider_id: str) -> None:
        customer = await self.get(customer_id)
        if customer.provider_id is None:
            self.customers[customer.user_id] = replace(customer, provider_id=provider_id, account_refusal_reason=None)

    async def set_account_refusal(self, customer_id: UUID, reason: str) -> None:
        customer = await self.get(customer_id)
        if customer.provider_id is None:
            self.customers[customer.user_id] = replace(customer, account_refusal_reason=reason)

    async def set_payment_method(self, customer_id: UUID, payment_method: str) -> None:
        customer = await self.get(customer_id)
        self.customers[customer.user_id] = replace(customer, payment_method=payment_method)

    async def set_billing_details(self, customer_id: UUID, details: BillingDetails) -> None:
        customer = await self.get(customer_id)
        if customer.closed_at is None:
            self.customers[customer.user_id] = replace(customer, billing_details=details)

    async def set_email(self, user_id: UUID, email: str) -> bool:
        customer = self.customers.get(user_id)
        if customer is not None and customer.closed_at is None:
            self.customers[user_id] = replace(customer, email=email)
        return customer is not None

    async def mark_deleted(self, customer_id: UUID, at: datetime) -> None:
        customer = await self.get(customer_id)
        self.customers[customer.user_id] = replace(customer, deleted_at=customer.deleted_at or at)

    async def list_closing(self, before: datetime, limit: int) -> Sequence[Customer]:
        return [each for each in self.customers.values() if each.deleted_at and each.deleted_at < before and each.closed_at is None][:limit]

    async def erase(self, customer_id: UUID, at: datetime) -> None:
        customer = await self.get(customer_id)
        if customer.closed_at is None:
            erased = replace(
                customer, email="", provider_id=None, payment_method=None, account_refusal_reason=None, closed_at=at, billing_details=None
            )
            self.customers[customer.user_id] = erased

    async def list_matching(self, text: str, *, before: UUID | None, limit: int) -> Sequence[Customer]:
        found = [each for each in self.customers.values() if text.lower() in each.email.lower() and (before is None or each.id < before)]
        return sorted(found, key=lambda each: each.id, reverse=True)[:limit]


class MemoryApplications:
    def __init__(self) -> None:
        self.applications: dict[UUID, Application] = {}

    async def save(self, applications: Collection[Application]) -> None:
        for application in applications:
            stored = self.applications.get(application.id)
            if stored is None or (stored.updated_at < application.updated_at and not stored.is_deleted):
                self.applications[application.id] = application

    async def get_many(self, application_ids: Collection[UUID]) -> dict[UUID, Application]:
        return {id: self.applications[id] for id in application_ids if id in self.applications}


class MemoryPlans:
    def __init__(self, plans: Iterable[Plan] = (*SEEDED, *WITH_STORAGE)) -> None:
        self.plans = list(plans)

    def _offered(self, at: datetime) -> list[Plan]:
        return [plan for plan in self.plans if plan not in WITH_STORAGE or at >= WITH_STORAGE_FROM]

    async def list_offered(self, at: datetime) -> Sequence[Plan]:
        newest = {plan.code: plan for plan in sorted(self._offered(at), key=lambda plan: plan.version)}
        return sorted(newest.values(), key=lambda plan: (plan.fee.amount, plan.code))

    async def get_offered(self, code: str, at: datetime) -> Plan:
        found = [plan for plan in self._offered(at) if plan.code == code]
        if not found:
            raise LookupError(f"no plan {code!r} is on offer")
        return max(found, key=lambda plan: plan.version)

    async def get(self, code: str, version: int) -> Plan:
        for plan in self.plans:
            if (plan.code, plan.version) == (code, version):
                return plan
        raise LookupError(f"there is no plan {code!r} v{version}")


@dataclass
class MemoryMeasurementState:
    missing: datetime | None = None
    changed_at: datetime = BEFORE_ALL

    async def set(self, missing_since: datetime | None, at: datetime) -> None:
        if at > self.changed_at:
            self.missing, self.changed_at = missing_since, at

    async def missing_since(self) -> datetime | None:
        return self.missing


class MemoryUsage:
    def __init__(self) -> None:
        self.records: dict[UUID, UsageRecord] = {}
        self.transfers: set[Transfer] = set()
        self.hours: dict[tuple[UUID, datetime, UUID, str], EnvironmentUsage] = {}

    async def record(self, record: UsageRecord) -> bool:
        if record.id in self.records:
            return False
        self.records[record.id] = record
        key = (record.user_id, record.hour, record.application_id, record.environment)
        quantities = {meter.value: record.of(meter) for meter in Meter}
        added = EnvironmentUsage(record.application_id, record.environment, record.cpu_until, **quantities)
        self.hours[key] = _sum(self.hours[key], added) if key in self.hours else added
        return True

    async def owner_at(self, application_id: UUID, at: datetime) -> UUID | None:
        return owner_at([each for each in self.transfers if each.application_id == application_id], at)

    async def transfer(self, transfer: Transfer) -> None:
        self.transfers.add(transfer)
        records = list(self.records.values())
        self.records, self.hours = {}, {}
        for record in records:
            await self.record(replace(record, user_id=await self.owner_at(record.application_id, record.begin) or record.user_id))

    async def by_environment(self, user_id: UUID, period: Period) -> Sequence[EnvironmentUsage]:
        sums: dict[tuple[UUID, str], EnvironmentUsage] = {}
        for (user, hour, application, environment), used in self.hours.items():
            if user == user_id and period.begin <= day_start(hour) < period.end:
                key = (application, environment)
                sums[key] = _sum(sums[key], used) if key in sums else used
        return [sums[key] for key in sorted(sums)]

    async def total(self, user_id: UUID, period: Period) -> Quantities:
        found = await self.by_environment(user_id, period)
        return Quantities(**{meter.value: sum(each.of(meter) for each in found) for meter in Meter})

    async def prune_ids(self, before: datetime) -> int:
        expired = [id for id, record in self.records.items() if record.begin < before]
        for id in expired:
            del self.records[id]
        return len(expired)


def _sum(one: EnvironmentUsage, other: EnvironmentUsage) -> EnvironmentUsage:
    return replace(
        one,
        **{meter.value: one.of(meter) + other.of(meter) for meter in Meter},
        cpu_until=max((at for at in (one.cpu_until, other.cpu_until) if at), default=None),
    )
