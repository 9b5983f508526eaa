"""Billing's functions over memory: what they decide, not how it is stored."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from events.auth import UserCreated
from events.billing import CustomerCreated
from events.monitor import UsageMeasured
from functions.billing.domain.rejections import CustomerNotFound
from functions.billing.domain.usage import ImplausibleUsage
from functions.billing.handlers.on_usage_measured import on_usage_measured
from functions.billing.handlers.on_user_created import on_user_created
from functions.billing.queries.current_bill import BillLine, BillView, CurrentBill, current_bill
from functions.billing.queries.customer import ShowCustomer, customer
from functions.kernel import Caller, new_id
from tests.memory.billing import MemoryCustomers, MemoryPlans, MemoryUsage
from tests.memory.billing_money import MemoryLedger, MemorySubscriptions

NOW = datetime(2026, 5, 20, 10, 30, tzinfo=UTC)
USER, OTHER, APP = UUID(int=1), UUID(int=2), UUID(int=10)


class Stopped:
    """A clock that stands where it was set."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


class Billing:
    def __init__(self) -> None:
        self.clock = Stopped(NOW)
        self.customers, self.plans, self.subscriptions, self.usage = MemoryCustomers(), MemoryPlans(), MemorySubscriptions(), MemoryUsage()
        self.ledger = MemoryLedger()

    async def user(self, user_id: UUID = USER) -> tuple[object, ...]:
        event = UserCreated(user_id=user_id, email="ada@example.org", at=NOW)
        return tuple((await on_user_created(event, self.customers, self.plans, self.subscriptions)).events)

    async def use(
        self, begin: datetime, requests: int, *, id: UUID | None = None, user_id: UUID = USER, environment: str = "staging", cpu: int = 0
    ) -> None:
        event = UsageMeasured(
            usage_id=id or new_id(),
            application_id=APP,
            user_id=user_id,
            environment=environment,
            window_from=begin,
            window_to=begin + timedelta(seconds=1),
            requests=requests,
            cpu_milliseconds=cpu,
        )
        await on_usage_measured(event, self.usage, self.clock)

    async def bill(self, user_id: UUID = USER) -> BillView:
        return await current_bill(CurrentBill(), Caller(user_id), self.customers, self.subscriptions, self.plans, self.usage, self.clock)


@pytest.fixture
def billing() -> Billing:
    return Billing()


async def test_a_user_becomes_a_customer_on_the_free_plan(billing: Billing) -> None:
    (event,) = await billing.user()
    assert isinstance(event, CustomerCreated) and event.user_id == USER and event.plan == "free"

    view = await customer(ShowCustomer(), Caller(USER), billing.customers, billing.subscriptions, billing.plans, billing.ledger)
    assert (view.customer_id, view.email) == (event.customer_id, "ada@example.org")
    assert view.plan is not None and (view.plan.code, view.plan.version, view.plan.since) == ("free", 1, NOW)


async def test_a_second_user_created_of_the_same_user_changes_nothing(billing: Billing) -> None:
    await billing.user()
    assert await billing.user() == ()
    assert len(billing.customers.customers) == len(billing.subscriptions.subscriptions) == 1


async def test_use_before_billing_heard_of_the_user_is_on_the_bill(billing: Billing) -> None:
    await billing.use(NOW, 3)
    billing.clock.at = NOW + timedelta(days=2)
    await billing.user()
    assert [line.requests for line in (await billing.bill()).lines] == [3]


async def test_who_is_no_customer_yet_is_told_so(billing: Billing) -> None:
    await billing.user(OTHER)
    with pytest.raises(CustomerNotFound):
        await customer(ShowCustomer(), Caller(USER), billing.customers, billing.subscriptions, billing.plans, billing.ledger)
    with pytest.raises(CustomerNotFound):
        await billing.bill()


async def test_use_is_billed_by_application_and_environment_each_record_once(billing: Billing) -> None:
    await billing.user()
    twice = new_id()
    await billing.use(NOW, 3, id=twice)
    await billing.use(NOW, 3, id=twice)
    await billing.use(NOW - timedelta(hours=2), 4, cpu=120)
    await billing.use(NOW, 7, environment="production")
    await billing.use(NOW, 1000, user_id=OTHER)

    bill = await billing.bill()
    assert [(line.environment, line.requests, line.cpu_milliseconds) for line in bill.lines] == [("production", 7, 0), ("staging", 7, 120)]
    assert isinstance(bill.lines[0], BillLine) and bill.lines[0].application_id == APP
    assert [(charge.meter, charge.quantity, charge.included) for charge in bill.charges] == [
        ("requests", 14, 100_000),
        ("cpu_milliseconds", 120, 3_600_000),
    ]
    assert (bill.total.amount, bill.total.currency) == (0, "EUR")
    assert (bill.period.begin, bill.period.end) == (datetime(2026, 5, 20, tzinfo=UTC), datetime(2026, 6, 20, tzinfo=UTC))


async def test_late_use_counts_in_the_period_of_its_window(billing: Billing) -> None:
    await billing.user()
    await billing.use(datetime(2026, 5, 20, 9, tzinfo=UTC), 5)
    billing.clock.at = datetime(2026, 6, 20, 0, 5, tzinfo=UTC)
    await billing.use(datetime(2026, 6, 19, 23, 59, 59, tzinfo=UTC), 2)
    await billing.use(datetime(2026, 6, 20, 0, 1, tzinfo=UTC), 1)
    assert [line.requests for line in (await billing.bill()).lines] == [1]
    billing.clock.at = datetime(2026, 6, 19, 23, tzinfo=UTC)
    assert [line.requests for line in (await billing.bill()).lines] == [7]


@pytest.mark.parametrize(
    ("begin", "requests"),
    [(NOW - timedelta(days=41), 1), (NOW + timedelta(hours=2), 1), (NOW, -1), (NOW, 10**15)],
    ids=["old", "future", "negative", "huge"],
)
async def test_implausible_use_is_for_a_person_to_look_at_and_counts_nothing(billing: Billing, begin: datetime, requests: int) -> None:
    await billing.user()
    with pytest.raises(ImplausibleUsage):
        await billing.use(begin, requests)
    assert billing.usage.hours == {}


async def test_the_answer_has_integers_of_minor_units_and_camel_case(billing: Billing) -> None:
    await billing.user()
    await billing.use(NOW, 3)
    wire = (await billing.bill()).model_dump(mode="json", by_alias=True)
    assert wire["lines"][0] == {
        "applicationId": str(APP),
        "environment": "staging",
        "requests": 3,
        "cpuMilliseconds": 0,
        "amount": {"amount": 0, "currency": "EUR"},
    }
    assert wire["plan"] == {"code": "free", "version": 1, "name": "Free", "fee": {"amount": 0, "currency": "EUR"}}
