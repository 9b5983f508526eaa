"""The account at the payment provider: opened, delayed, refused, given up, and what that means for paid plans."""

import pytest

from events.auth import CustomerRequested, PaymentAccountClosureRequested, PaymentAccountRequested
from events.billing import CustomerCreated, PaymentAccountChanged
from functions.billing.domain.customers import Customer
from functions.billing.domain.rejections import PaymentAccountMissing
from functions.kernel import Permanent, Transient
from tests.billing.world import OTHER, USER, World


@pytest.fixture
async def world() -> World:
    world = World()
    await world.register()
    return world


async def request_account(world: World) -> PaymentAccountChanged:
    await world.publish(PaymentAccountRequested(user_id=USER, at=world.clock.now()))
    return world.events(PaymentAccountChanged)[-1]


async def request_closure(world: World, reason: str = "it refuses") -> PaymentAccountChanged:
    await world.publish(PaymentAccountClosureRequested(user_id=USER, reason=reason, at=world.clock.now()))
    return world.events(PaymentAccountChanged)[-1]


async def request_customer(world: World) -> CustomerCreated:
    await world.publish(CustomerRequested(user_id=USER, email="1@example.org", at=world.clock.now()))
    return world.events(CustomerCreated)[-1]


async def stored_customer(world: World) -> Customer:
    customer = await world.customers.get_by_user(USER)
    assert customer is not None
    return customer


async def test_the_account_is_opened_once_and_every_request_is_answered(world: World) -> None:
    assert (await world.customer()).payment_account == "pending"
    first, second = await request_account(world), await request_account(world)
    assert (await world.customer()).payment_account == "opened"
    assert len(world.events(PaymentAccountChanged)) == 2
    assert (first.status, second.status, first.user_id) == ("opened", "opened", USER)
    assert world.provider.accounts == {first.customer_id: (await stored_customer(world)).provider_id}


async def test_an_unavailable_provider_is_reported_as_delayed_and_nothing_is_stored(world: World) -> None:
    world.provider.is_unavailable = True
    changed = await request_account(world)
    assert (changed.status, changed.detail) == ("delayed", "the payment provider does not answer")
    assert (await stored_customer(world)).provider_id is None
    world.provider.is_unavailable = False
    assert (await request_account(world)).status == "opened"


async def test_a_refused_customer_stays_on_the_free_plan(world: World) -> None:
    world.provider.refusal = "Invalid email address"
    refused = await request_account(world)
    assert (refused.status, refused.detail) == ("refused", "Invalid email address")
    assert (await request_closure(world, refused.detail)).status == "given-up"
    assert (await request_closure(world, refused.detail)).status == "given-up"

    assert (await world.customer()).payment_account == "refused"
    with pytest.raises(PaymentAccountMissing):
        await world.subscribe("pro")
    assert (await world.subscription()).plan == "free"
    assert not world.provider.charges and not await world.balance()


async def test_a_customer_can_pay_after_a_resumed_registration(world: World) -> None:
    await request_closure(world)
    assert (await request_account(world)).status == "opened"
    await world.subscribe("pro")
    await world.settle()
    assert (await world.subscription()).plan == "pro"


async def test_an_opened_account_is_not_given_up(world: World) -> None:
    await request_account(world)
    assert (await request_closure(world)).status == "opened"
    assert (await stored_customer(world)).can_pay


async def test_a_payment_before_the_registrations_request_opens_the_account(world: World) -> None:
    await world.subscribe("pro")
    await world.settle()
    (changed,) = world.events(PaymentAccountChanged)
    assert changed.status == "opened" and (await stored_customer(world)).provider_id is not None
    await world.register(OTHER)
    assert (await request_account(world)).status == "opened"
    assert len(world.provider.accounts) == 1


async def test_a_repeated_customer_request_is_answered_with_the_existing_customer(world: World) -> None:
    await world.subscribe("pro")
    await world.settle()
    before = await stored_customer(world)
    answer = await request_customer(world)
    assert len(world.events(CustomerCreated)) == 2
    assert (answer.customer_id, answer.plan, await stored_customer(world)) == (before.id, "pro", before)


async def test_a_customer_request_creates_the_customer_if_user_created_was_lost() -> None:
    world = World()
    answer = await request_customer(world)
    assert answer.plan == "free"
    await world.register()  # the late user.created
    assert len(world.events(CustomerCreated)) == 1
    assert (await stored_customer(world)).id == answer.customer_id
    assert (await world.subscription()).plan == "free"


async def test_an_account_request_for_a_missing_customer_is_retried_and_a_closure_is_dead_lettered() -> None:
    world = World()
    await world.publish(PaymentAccountRequested(user_id=USER, at=world.clock.now()))
    assert world.events(PaymentAccountChanged) == [] and not world.capsule.dead_letters
    await world.capsule.advance(days=1)
    (retried,) = world.capsule.dead_letters
    assert isinstance(retried.error, Transient)
    await world.publish(PaymentAccountClosureRequested(user_id=USER, reason="", at=world.clock.now()))
    assert isinstance(world.capsule.dead_letters[-1].error, Permanent)
