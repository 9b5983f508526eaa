"""Contract of the port Registrations, on memory and PostgreSQL, and its locking in PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from events.billing import CustomerCreated, PaymentAccountChanged
from events.deploy import QuotaGranted
from functions.auth.domain.registration import Registration, Stage, StepEvent
from functions.auth.domain.user import Role
from functions.kernel import OutgoingMessage, Transient
from tests.adapters.auth_stores import NOW, Stores, in_memory, in_postgres, new_user, stored_user
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


async def observe(stores: Stores, user_id: UUID, *events: StepEvent, at: datetime = NOW) -> Registration:
    for event in events:
        async with stores.transaction():
            registration = await stores.registrations.lock(user_id)
            assert registration is not None
            registration.observe(event, at)
            await stores.registrations.save(registration)
    assert registration is not None
    return registration


def customer_created(registration: Registration) -> CustomerCreated:
    return CustomerCreated(customer_id=registration.id, user_id=registration.id, plan="free", at=NOW)


def quota_granted(registration: Registration) -> QuotaGranted:
    return QuotaGranted(user_id=registration.id, applications=1, memory_mib=1, at=NOW)


def account_changed(registration: Registration, status: str, detail: str = "") -> PaymentAccountChanged:
    return PaymentAccountChanged(customer_id=registration.id, user_id=registration.id, status=status, detail=detail, at=NOW)


async def stored(stores: Stores, user_id: UUID) -> Registration:
    async with stores.transaction(read_only=True):
        registration = await stores.registrations.get(user_id)
    assert registration is not None
    return registration


async def test_a_registration_is_stored_completely_after_each_change(stores: Stores) -> None:
    started = await registered(stores)
    assert await stored(stores, started.id) == started
    events: tuple[StepEvent, ...] = (
        customer_created(started),
        quota_granted(started),
        account_changed(started, "delayed", "away"),
        account_changed(started, "refused", "no"),
        account_changed(started, "given-up"),
    )
    for minutes, event in enumerate(events, start=1):
        changed = await observe(stores, started.id, event, at=NOW + timedelta(minutes=minutes))
        assert await stored(stores, started.id) == changed
    assert (changed.status, changed.failed_step, changed.steps[-2].error) == (Stage.COMPENSATED, Stage.ACCOUNT, "no")
    changed = await observe(stores, started.id, account_changed(started, "opened"), at=NOW + timedelta(hours=1))
    assert await stored(stores, started.id) == changed
    assert (changed.status, changed.reason) == (Stage.COMPLETED, None)


async def test_an_unknown_user_has_no_registration(stores: Stores) -> None:
    async with stores.transaction():
        assert await stores.registrations.get(uuid4()) is None
        assert await stores.registrations.lock(uuid4()) is None


async def test_saving_a_stale_version_is_rejected(stores: Stores) -> None:
    started = await registered(stores)
    stale = await stored(stores, started.id)
    await observe(stores, started.id, customer_created(started))
    stale.expire(NOW)
    with pytest.raises(Transient):
        async with stores.transaction():
            await stores.registrations.save(stale)
    assert (await stored(stores, started.id)).status is Stage.QUOTA


async def test_stuck_registrations_are_unfinished_with_an_overdue_reminder(stores: Stores) -> None:
    long_ago = NOW - timedelta(days=30)
    stuck, done, fresh = [await registered(stores, at) for at in (long_ago, long_ago, NOW)]
    await observe(stores, done.id, customer_created(done), quota_granted(done), account_changed(done, "opened"))
    async with stores.transaction(read_only=True):
        listed = {each.id: each for each in await stores.registrations.list_stuck(NOW - timedelta(days=29), 100)}
        assert await stores.registrations.list_stuck(long_ago, 100) == []
    assert stuck.id in listed and not listed.keys() & {done.id, fresh.id}
    assert listed[stuck.id].reminder() == stuck.reminder()


async def test_incomplete_registrations_are_paged_newest_first(stores: Stores) -> None:
    running, done, compensated = [await registered(stores) for _ in range(3)]
    await observe(stores, done.id, customer_created(done), quota_granted(done), account_changed(done, "opened"))
    await observe(
        stores,
        compensated.id,
        customer_created(compensated),
        quota_granted(compensated),
        account_changed(compensated, "refused", "no"),
        account_changed(compensated, "given-up"),
    )
    async with stores.transaction(read_only=True):
        page = await stores.registrations.list_page(None, before=None, limit=2)
        assert [each.id for each in page] == [compensated.id, running.id]
        assert [step.step for step in page[0].steps] == ["user", "customer", "quota", "payment-account", "compensating"]
        assert [each.id for each in await stores.registrations.list_page(Stage.COMPENSATED, before=None, limit=1)] == [compensated.id]
        assert compensated.id not in [each.id for each in await stores.registrations.list_page(None, before=compensated.id, limit=9)]


async def test_only_verified_administrators_are_listed(stores: Stores) -> None:
    admin, unverified, user = new_user(), new_user(), new_user()
    admin.roles = unverified.roles = frozenset({Role.USER, Role.ADMIN})
    admin.email_verified_at = user.email_verified_at = NOW
    async with stores.transaction():
        for each in (admin, unverified, user):
            await stores.users.add(each)
        assert [each.id for each in await stores.users.list_verified_admins() if each.id in (admin.id, unverified.id, user.id)] == [admin.id]


async def test_a_concurrent_reminder_and_event_run_one_after_the_other(url: str) -> None:
    """The second sees the changes of the first: nothing is lost, and an answered step is not requested again."""
    async with in_postgres(url) as stores:
        started = await registered(stores)

        async def expire() -> tuple[OutgoingMessage, ...]:
            async with stores.transaction():
                registration = await stores.registrations.lock(started.id)
                assert registration is not None
                if registration.version != started.reminder().registration_version:
                    return ()
                await asyncio.sleep(0.05)
                messages = registration.expire(NOW + timedelta(minutes=1))
                await stores.registrations.save(registration)
                return messages

        requested, _, _ = await asyncio.gather(
            expire(), observe(stores, started.id, customer_created(started)), observe(stores, started.id, customer_created(started))
        )
        registration = await stored(stores, started.id)
        assert registration.status is Stage.QUOTA
        assert registration.steps[1].attempts == (2 if requested else 1)
