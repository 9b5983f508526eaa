"""Signing in, and being kept from guessing."""

from datetime import timedelta

import pytest

from events.auth import UserCreated, UserLoggedIn
from functions.auth.domain.email import Email
from functions.auth.domain.lockout import FAILURE_RETENTION, FAILURES_BEFORE_LOCK, FIRST_LOCK, MAX_LOCK, FailedLogins
from functions.auth.domain.rejections import AccountLocked, EmailNotVerified, WrongCredentials
from functions.kernel import Done, Rejected
from tests.auth.world import ADDRESS, PASSWORD, World


def reason(outcome: object) -> type[Exception]:
    assert isinstance(outcome, Rejected)
    return type(outcome.reason)


async def fail(world: World, times: int, email: str = ADDRESS) -> None:
    for _ in range(times):
        assert reason(await world.login(email, "wrong")) is WrongCredentials


async def test_a_session_begins(world: World) -> None:
    created = await world.verified_user()
    done = await world.login("ADA@example.org")
    assert isinstance(done, Done)
    (session,) = world.sessions.rows.values()
    assert done.output.session_id == str(session.id)
    assert done.output.expires_in == 900
    assert (session.user_id, session.device.address, session.device.user_agent) == (created.user_id, "203.0.113.7", "curl/8")
    assert done.events == (UserLoggedIn(user_id=created.user_id, session_id=session.id, at=world.clock.now()),)
    assert done.output.refresh_token not in repr(world.sessions)


async def test_wrong_password_and_unknown_account_are_refused_alike_and_after_the_same_work(world: World) -> None:
    await world.verified_user()
    known, work = await world.login(password="wrong"), world.hasher.verified
    unknown = await world.login("nobody@example.org", "wrong")
    assert isinstance(known, Rejected) and isinstance(unknown, Rejected)
    assert type(known.reason) is type(unknown.reason) is WrongCredentials
    assert known.reason.detail == unknown.reason.detail
    assert world.hasher.verified == work + 1


async def test_that_an_address_is_not_verified_is_told_only_to_who_knows_the_password(world: World) -> None:
    assert isinstance(await world.register(), UserCreated)
    assert reason(await world.login(password="wrong")) is WrongCredentials
    assert reason(await world.login()) is EmailNotVerified
    assert not world.sessions.rows


@pytest.mark.parametrize("email", [ADDRESS, "nobody@example.org"])
async def test_failures_lock_an_address_whether_it_has_an_account_or_not(world: World, email: str) -> None:
    await world.verified_user()
    await fail(world, FAILURES_BEFORE_LOCK, email)
    with pytest.raises(AccountLocked) as locked:
        await world.login(email, PASSWORD)
    assert locked.value.retry_after == FIRST_LOCK.total_seconds()


async def test_a_locked_account_hashes_nothing_and_opens_again(world: World) -> None:
    await world.verified_user()
    await fail(world, FAILURES_BEFORE_LOCK)
    work = world.hasher.verified
    world.clock.at += FIRST_LOCK - timedelta(milliseconds=1)
    with pytest.raises(AccountLocked) as locked:
        await world.login()
    assert locked.value.retry_after == 1
    assert world.hasher.verified == work
    world.clock.forward(milliseconds=1)
    assert isinstance(await world.login(), Done)


async def test_every_further_failure_locks_for_twice_as_long(world: World) -> None:
    await world.verified_user()
    await fail(world, FAILURES_BEFORE_LOCK - 1)
    locks = []
    for _ in range(10):
        await fail(world, 1)
        with pytest.raises(AccountLocked) as locked:
            await world.login()
        assert locked.value.retry_after is not None
        locks.append(locked.value.retry_after)
        world.clock.forward(seconds=locked.value.retry_after)
    assert locks == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert locks[-1] == MAX_LOCK.total_seconds()


async def test_a_success_clears_the_failures(world: World) -> None:
    await world.verified_user()
    await fail(world, FAILURES_BEFORE_LOCK - 1)
    assert isinstance(await world.login(), Done)
    assert not world.failures.rows
    await fail(world, FAILURES_BEFORE_LOCK - 1)
    assert isinstance(await world.login(), Done)


async def test_old_failures_are_forgotten(world: World) -> None:
    await world.verified_user()
    await fail(world, FAILURES_BEFORE_LOCK - 1)
    world.clock.at += FAILURE_RETENTION
    await fail(world, FAILURES_BEFORE_LOCK - 1)
    assert isinstance(await world.login(), Done)


async def test_one_address_locked_leaves_the_others(world: World) -> None:
    await world.verified_user()
    await fail(world, FAILURES_BEFORE_LOCK, "nobody@example.org")
    assert isinstance(await world.login(), Done)


def test_the_count_can_grow_without_end() -> None:
    failed = FailedLogins(FailedLogins.hash_address(Email(ADDRESS)), count=10_000)
    world = World()
    failed.add(world.clock.now())
    assert failed.remaining_lock(world.clock.now()) == MAX_LOCK


async def test_a_password_hashed_with_weaker_parameters_is_hashed_again(world: World) -> None:
    created = await world.verified_user()
    world.hasher.strength = 3
    await world.signed_in()
    user = await world.users.get(created.user_id)
    assert user is not None and user.password_hash == f"3${PASSWORD}"
