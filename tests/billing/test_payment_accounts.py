"""The account at the payment provider: opened for a registration, asked for again, refused, given up; and what that means to who wants to pay."""

import pytest

from events.auth import CustomerRequested, PaymentAccountClosureRequested, PaymentAccountRequested
from events.billing import CustomerCreated, PaymentAccountChanged
from functions.billing.domain.customers import Customer
from functions.billing.domain.rejections import CustomerNotFound, PaymentAccountMissing
from functions.billing.handlers.on_customer_requested import on_customer_requested
from functions.billing.handlers.on_payment_account_closure_requested import on_payment_account_closure_requested
from functions.billing.handlers.on_payment_account_requested import on_payment_account_requested
from functions.billing.queries.customer import ShowCustomer
from functions.billing.queries.customer import customer as show_customer
from functions.kernel import Caller, Transient
from tests.billing.world import OTHER, USER, PlainWork, World


@pytest.fixture
async def world() -> World:
    world = World()
    await world.register()
    return world


async def wanted(world: World) -> PaymentAccountChanged:
    work = world.provider.work = PlainWork()
    event = PaymentAccountRequested(user_id=USER, at=world.clock.now())
    await on_payment_account_requested(event, world.customers, world.provider, world.clock, work)
    (changed,) = work.said
    assert isinstance(changed, PaymentAccountChanged)
    return changed


async def unwanted(world: World, reason: str = "it refuses") -> PaymentAccountChanged:
    event = PaymentAccountClosureRequested(user_id=USER, reason=reason, at=world.clock.now())
    (changed,) = (await on_payment_account_closure_requested(event, world.customers, world.clock)).events
    assert isinstance(changed, PaymentAccountChanged)
    return changed


async def customer(world: World) -> Customer:
    found = await world.customers.get_by_user(USER)
    assert found is not None
    return found


async def shown(world: World) -> str:
    found = await show_customer(ShowCustomer(), Caller(USER), world.customers, world.subscriptions, world.plans, world.ledger)
    return found.payment_account


async def test_it_is_opened_once_and_told_each_time(world: World) -> None:
    assert await shown(world) == "pending"
    first, second = await wanted(world), await wanted(world)
    assert await shown(world) == "opened"
    assert (first.status, second.status, first.user_id) == ("opened", "opened", USER)
    assert world.provider.accounts == {first.customer_id: (await customer(world)).provider_id}


async def test_a_provider_that_is_away_is_told_of_and_nothing_is_kept(world: World) -> None:
    world.provider.away = True
    changed = await wanted(world)
    assert (changed.status, changed.detail) == ("delayed", "the payment provider does not answer")
    assert (await customer(world)).provider_id is None
    world.provider.away = False
    assert (await wanted(world)).status == "opened"


async def test_who_is_refused_and_given_up_stays_on_the_free_plan_and_is_told_why(world: World) -> None:
    world.provider.refusing = "Invalid email address"
    refused = await wanted(world)
    assert (refused.status, refused.detail) == ("refused", "Invalid email address")
    assert (await unwanted(world, refused.detail)).status == "given-up"
    assert (await unwanted(world, refused.detail)).status == "given-up"

    assert await shown(world) == "refused"
    with pytest.raises(PaymentAccountMissing):
        await world.subscribe("pro")
    assert (await world.shown()).plan == "free"
    assert not world.provider.charges and not await world.balance()


async def test_who_is_resumed_can_pay(world: World) -> None:
    await unwanted(world)
    assert (await wanted(world)).status == "opened"
    await world.subscribe("pro")
    await world.settle()
    assert (await world.shown()).plan == "pro"


async def test_an_account_that_is_there_is_not_given_up(world: World) -> None:
    await wanted(world)
    assert (await unwanted(world)).status == "opened"
    assert (await customer(world)).can_pay


async def test_who_pays_before_the_registration_has_come_so_far_gets_the_account_then_and_it_is_told(world: World) -> None:
    await world.subscribe("pro")
    await world.settle()
    (changed,) = world.told(PaymentAccountChanged)
    assert changed.status == "opened" and (await customer(world)).provider_id is not None
    await world.register(OTHER)
    assert (await wanted(world)).status == "opened"
    assert len(world.provider.accounts) == 1


async def test_a_customer_that_is_wanted_again_is_told_as_it_is(world: World) -> None:
    await world.subscribe("pro")
    await world.settle()
    before = await customer(world)
    event = CustomerRequested(user_id=USER, email="1@example.org", at=world.clock.now())
    (told,) = (await on_customer_requested(event, world.customers, world.plans, world.subscriptions)).events
    assert isinstance(told, CustomerCreated)
    assert (told.customer_id, told.plan, await customer(world)) == (before.id, "pro", before)


async def test_a_customer_whose_user_was_never_heard_of_is_made_when_it_is_wanted() -> None:
    world = World()
    event = CustomerRequested(user_id=USER, email="1@example.org", at=world.clock.now())
    (told,) = (await on_customer_requested(event, world.customers, world.plans, world.subscriptions)).events
    assert isinstance(told, CustomerCreated) and told.plan == "free"
    await world.register()  # user.created comes after all
    assert (await customer(world)).id == told.customer_id
    assert (await world.shown()).plan == "free"


async def test_who_is_no_customer_yet_is_tried_later() -> None:
    world = World()
    with pytest.raises(Transient):
        await wanted(world)
    with pytest.raises(CustomerNotFound):
        await unwanted(world)
