"""Signing in, and the lock against guessing."""

from datetime import timedelta

import pytest

from events.auth import UserLoggedIn
from functions.auth.domain.email import Email
from functions.auth.domain.lockout import FAILURE_RETENTION, FAILURES_BEFORE_LOCK, FIRST_LOCK, MAX_LOCK, FailedLogins
from functions.auth.domain.rejections import (
    AccountLocked,
    EmailNotVerified,
    WrongCredentials,
)
from functions.auth.domain.views import SessionView
from tests.auth.world import ADDRESS, PASSWORD, World


async def fail(world: World, times: int, email: str = ADDRESS) -> None:
    for _ in range(times):
        with pytest.raises(WrongCredentials):
            await world.login(email, "wrong")


async def test_signing_in_starts_a_session(world: World) -> None:
    created = await world.verified_user()
    view = await world.login("ADA@example.org")
    (session,) = world.sessions.rows.values()
    assert view.session_id == str(session.id)
    assert view.expires_in == 900
    assert (session.user_id, session.device.address, session.device.user_agent) == (created.user_id, "203.0.113.7", "curl/8")
    assert world.events(UserLoggedIn) == [UserLoggedIn(user_id=created.user_id, session_id=session.id, at=world.clock.now())]
    assert view.refresh_token not in repr(world.sessions)


async def test_a_wrong_password_and_an_unknown_account_are_rejected_alike_after_the_same_work(world: World) -> None:
    await world.verified_user()
    with pytest.raises(WrongCredentials) as known:
        await world.login(password="wrong")
    hashed = world.hasher.verified
    with pytest.raises(WrongCredentials) as unknown:
        await world.login("nobody@example.org", "wrong")
    assert known.value.detail == unknown.value.detail
    assert world.hasher.verified == hashed + 1


async def test_only_the_right_password_reveals_that_an_address_is_not_verified(world: World) -> None:
    await world.registered()
    with pytest.raises(WrongCredentials):
        await world.login(password="wrong")
    with pytest.raises(EmailNotVerified):
        await world.login()
    assert not world.sessions.rows


@pytest.mark.parametrize("email", [ADDRESS, "nobody@example.org"])
async def test_failures_lock_an_address_with_and_without_an_account(world: World, email: str) -> None:
    await world.verified_user()
    await fail(world, FAILURES_BEFORE_LOCK, email)
    with pytest.raises(AccountLocked) as locked:
        await world.login(email, PASSWORD)
    assert locked.value.retry_after == FIRST_LOCK.total_seconds()


async def test_a_locked_account_hashes_nothing_and_unlocks(world: World) -> None:
    await world.verified_user()
    await fail(world, FAILURES_BEFORE_LOCK)
    hashed = world.hasher.verified
    world.clock.at += FIRST_LOCK - timedelta(milliseconds=1)
    with pytest.raises(AccountLocked) as locked:
        await world.login()
    assert locked.value.retry_after == 1
    assert world.hasher.verified == hashed
    world.clock.advance(milliseconds=1)
    assert isinstance(await world.login(), SessionView)


async def test_every_further_failure_doubles_the_lock(world: World) -> None:
    await world.verified_user()
    await fail(world, FAILURES_BEFORE_LOCK - 1)
    lock_seconds = []
    for _ in range(10):
        await fail(world, 1)
        with pytest.raises(AccountLocked) as locked:
            await world.login()
        assert locked.value.retry_after is not None
        lock_seconds.append(locked.value.retry_after)
        world.clock.advance(seconds=locked.value.retry_after)
    assert lock_seconds == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert lock_seconds[-1] == MAX_LOCK.total_seconds()


async def test_a_success_clears_the_failures(world: World) -> None:
    await world.verified_user()
    await fail(world, FAILURES_BEFORE_LOCK - 1)
    assert isinstance(await world.login(), SessionView)
    assert not world.failures.rows
    await fail(world, FAILURES_BEFORE_LOCK - 1)
    assert isinstance(await world.login(), SessionView)


async def test_old_failures_do_not_count(world: World) -> None:
    await world.verified_user()
    await fail(world, FAILURES_BEFORE_LOCK - 1)
    world.clock.at += FAILURE_RETENTION
    await fail(world, FAILURES_BEFORE_LOCK - 1)
    assert isinstance(await world.login(), SessionView)


async def test_a_lock_affects_one_address_only(world: World) -> None:
    await world.verified_user()
    await fail(world, FAILURES_BEFORE_LOCK, "nobody@example.org")
    assert isinstance(await world.login(), SessionView)


def test_the_lock_is_capped_for_any_number_of_failures(world: World) -> None:
    failed_logins = FailedLogins(FailedLogins.hash_address(Email(ADDRESS)), count=10_000)
    failed_logins.add(world.clock.now())
    assert failed_logins.remaining_lock(world.clock.now()) == MAX_LOCK


async def test_a_hash_with_weaker_parameters_is_replaced_at_sign_in(world: World) -> None:
    created = await world.verified_user()
    world.hasher.strength = 3
    await world.login()
    user = await world.users.get(created.user_id)
    assert user is not None and user.password_hash == f"3${PASSWORD}"
