"""How registrations are kept, over memory and over PostgreSQL; and what only a database promises of a saga."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from events.billing import CustomerCreated, PaymentAccountChanged
from events.deploy import QuotaGranted
from functions.auth.domain.registration import Registration, Stage
from functions.auth.domain.user import Role
from functions.kernel import OutgoingMessage, Transient
from tests.adapters.auth_stores import NOW, Stores, in_memory, in_postgres, somebody, stored_user
from tests.servers import Databases


@pytest.fixture(scope="module")
def url(postgres: Databases) -> Iterator[str]:
    yield postgres.database("auth").functions_url


@pytest.fixture(params=["memory", "postgres"])
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[Stores]:
    if request.param == "memory":
        yield in_memory()
        return
    async with in_postgres(request.getfixturevalue("url")) as stores:
        yield stores


async def registered(stores: Stores, at: datetime = NOW) -> Registration:
    user = await stored_user(stores)
    user.registered_at = at
    registration, _ = Registration.of(user, f"of-{user.id}")
    async with stores.transaction():
        await stores.registrations.add(registration)
    return registration


async def heard(stores: Stores, user_id: UUID, *facts: CustomerCreated | QuotaGranted | PaymentAccountChanged, at: datetime = NOW) -> Registration:
    for fact in facts:
        async with stores.transaction():
            found = await stores.registrations.lock(user_id)
            assert found is not None
            found.observe(fact, at)
            await stores.registrations.save(found)
    return found


def customer(of: Registration) -> CustomerCreated:
    return CustomerCreated(customer_id=of.id, user_id=of.id, plan="free", at=NOW)


def quota(of: Registration) -> QuotaGranted:
    return QuotaGranted(user_id=of.id, applications=1, memory_mib=1, at=NOW)


def account(of: Registration, status: str, detail: str = "") -> PaymentAccountChanged:
    return PaymentAccountChanged(customer_id=of.id, user_id=of.id, status=status, detail=detail, at=NOW)


async def kept(stores: Stores, user_id: UUID) -> Registration:
    async with stores.transaction(read_only=True):
        found = await stores.registrations.get(user_id)
    assert found is not None
    return found


async def test_it_comes_back_as_it_was_at_each_move(stores: Stores) -> None:
    begun = await registered(stores)
    assert await kept(stores, begun.id) == begun
    facts = (customer(begun), quota(begun), account(begun, "delayed", "away"), account(begun, "refused", "no"), account(begun, "given-up"))
    for minutes, fact in enumerate(facts, start=1):
        moved = await heard(stores, begun.id, fact, at=NOW + timedelta(minutes=minutes))
        assert await kept(stores, begun.id) == moved
    assert (moved.status, moved.failed_step, moved.steps[-2].error) == (Stage.COMPENSATED, Stage.ACCOUNT, "no")
    moved = await heard(stores, begun.id, account(begun, "opened"), at=NOW + timedelta(hours=1))
    assert await kept(stores, begun.id) == moved
    assert (moved.status, moved.reason) == (Stage.COMPLETED, None)


async def test_nobody_has_none(stores: Stores) -> None:
    async with stores.transaction():
        assert await stores.registrations.get(uuid4()) is None
        assert await stores.registrations.lock(uuid4()) is None


async def test_who_read_an_older_version_does_not_overwrite(stores: Stores) -> None:
    begun = await registered(stores)
    stale = await kept(stores, begun.id)
    await heard(stores, begun.id, customer(begun))
    stale.expire(NOW)
    with pytest.raises(Transient):
        async with stores.transaction():
            await stores.registrations.save(stale)
    assert (await kept(stores, begun.id)).status is Stage.QUOTA


async def test_stuck_ones_are_those_whose_reminder_has_not_come(stores: Stores) -> None:
    long_ago = NOW - timedelta(days=30)
    stuck, done, fresh = [await registered(stores, at) for at in (long_ago, long_ago, NOW)]
    await heard(stores, done.id, customer(done), quota(done), account(done, "opened"))
    async with stores.transaction(read_only=True):
        found = {each.id: each for each in await stores.registrations.list_stuck(NOW - timedelta(days=29), 100)}
        assert await stores.registrations.list_stuck(long_ago, 100) == []
    assert stuck.id in found and not found.keys() & {done.id, fresh.id}
    assert found[stuck.id].reminder() == stuck.reminder()


async def test_pages_of_those_that_are_not_complete(stores: Stores) -> None:
    running, done, limited = [await registered(stores) for _ in range(3)]
    await heard(stores, done.id, customer(done), quota(done), account(done, "opened"))
    await heard(stores, limited.id, customer(limited), quota(limited), account(limited, "refused", "no"), account(limited, "given-up"))
    async with stores.transaction(read_only=True):
        page = await stores.registrations.list_page(None, before=None, limit=2)
        assert [each.id for each in page] == [limited.id, running.id]
        assert [line.step for line in page[0].steps] == ["user", "customer", "quota", "payment-account", "compensating"]
        assert [each.id for each in await stores.registrations.list_page(Stage.COMPENSATED, before=None, limit=1)] == [limited.id]
        assert limited.id not in [each.id for each in await stores.registrations.list_page(None, before=limited.id, limit=9)]


async def test_administrators_are_those_whose_address_is_verified(stores: Stores) -> None:
    admin, unverified, user = somebody(), somebody(), somebody()
    admin.roles = unverified.roles = frozenset({Role.USER, Role.ADMIN})
    admin.email_verified_at = user.email_verified_at = NOW
    async with stores.transaction():
        for each in (admin, unverified, user):
            await stores.users.add(each)
        assert [each.id for each in await stores.users.list_verified_admins() if each.id in (admin.id, unverified.id, user.id)] == [admin.id]


async def test_a_reminder_and_a_fact_at_the_same_time_take_turns(url: str) -> None:
    """Whichever is second finds what the first has made of it: nothing is lost, and nothing is asked for that has been answered."""
    async with in_postgres(url) as stores:
        begun = await registered(stores)

        async def reminded() -> tuple[OutgoingMessage, ...]:
            async with stores.transaction():
                found = await stores.registrations.lock(begun.id)
                assert found is not None
                if found.version != begun.reminder().registration_version:
                    return ()
                await asyncio.sleep(0.05)
                said = found.expire(NOW + timedelta(minutes=1))
                await stores.registrations.save(found)
                return said

        asked, _, _ = await asyncio.gather(reminded(), heard(stores, begun.id, customer(begun)), heard(stores, begun.id, customer(begun)))
        found = await kept(stores, begun.id)
        assert found.status is Stage.QUOTA
        assert found.steps[1].attempts == (2 if asked else 1)
