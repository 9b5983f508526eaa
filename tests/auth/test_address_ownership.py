"""Whoever reads an address's e-mail owns its account, whoever registered it first."""

import pytest
from pydantic import SecretStr

from events.auth import SessionEnded, UserCreated, UserExpired
from functions.auth.commands.change_password import ChangePassword
from functions.auth.commands.verify_email import VerifyEmail
from functions.auth.domain.rejections import (
    AccountLocked,
    EmailNotVerified,
    PasswordRequired,
    UsedVerificationToken,
    WeakPassword,
    WrongCredentials,
    WrongPassword,
)
from functions.auth.domain.session import Device, Session
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.domain.user import UNVERIFIED_LIFETIME
from functions.kernel import Caller
from tests.auth.world import ADDRESS, PASSWORD, World

STRANGER = "the password of a stranger 1"


async def test_the_password_of_a_stranger_who_registered_first_opens_nothing(world: World) -> None:
    await world.register(password=STRANGER)
    await world.settle()
    with pytest.raises(EmailNotVerified):
        await world.login(password=STRANGER)
    await world.register()
    await world.settle()
    first, second = (token for _, _, token in world.mailer.verifications)

    await world.verify(first)  # the stranger's own e-mail: its reader owns the account all the same
    await world.login()
    with pytest.raises(WrongCredentials):
        await world.login(password=STRANGER)
    with pytest.raises(UsedVerificationToken):
        await world.verify(second, STRANGER)


async def test_the_owner_gets_a_link_although_a_stranger_registered_and_never_needs_the_first_password(world: World) -> None:
    await world.register(password=STRANGER)
    await world.settle()
    await world.register()
    await world.settle()
    await world.verify(world.mailer.verifications[-1][2])
    await world.login()


async def test_sessions_of_before_the_proof_end(world: World) -> None:
    created = await world.register(password=STRANGER)
    assert isinstance(created, UserCreated)
    await world.settle()
    session, _ = Session.start(created.user_id, Device("", ""), world.clock.now())
    await world.sessions.add(session, OpaqueToken.for_refresh())
    await world.verify(world.mailer.verifications[-1][2])
    (ended,) = world.events(SessionEnded)
    assert (ended.session_id, ended.reason) == (session.id, "password-changed")


async def test_a_link_alone_verifies_nothing_and_is_not_used_up(world: World) -> None:
    _, token = await world.registered()
    with pytest.raises(PasswordRequired) as rejection:
        await world.call(VerifyEmail(token=SecretStr(token)))
    assert [error.pointer for error in rejection.value.errors] == ["/password"]
    await world.verify(token)


async def test_a_weak_password_does_not_use_up_the_link(world: World) -> None:
    _, token = await world.registered()
    with pytest.raises(WeakPassword):
        await world.verify(token, "password")
    await world.verify(token)
    await world.login()


async def test_unverified_accounts_expire_and_their_address_is_free_again(world: World) -> None:
    first = await world.register(password=STRANGER)
    assert isinstance(first, UserCreated)
    await world.settle()
    world.clock.at += UNVERIFIED_LIFETIME
    await world.run("auth.housekeeping")
    assert world.users.rows
    world.clock.advance(seconds=1)
    await world.run("auth.housekeeping")
    assert not world.users.rows
    assert [event.user_id for event in world.events(UserExpired)] == [first.user_id]

    second = await world.register()
    assert isinstance(second, UserCreated) and second.user_id != first.user_id


async def test_a_verified_account_does_not_expire(world: World) -> None:
    await world.verified_user()
    world.clock.at += UNVERIFIED_LIFETIME * 10
    await world.run("auth.housekeeping")
    await world.login()


async def test_a_new_password_ends_all_other_sessions(world: World) -> None:
    created = await world.verified_user()
    here, there = await world.login(), await world.login()
    caller = world.caller(created, here)
    await world.call(ChangePassword(current_password=PASSWORD, password="another good password 77"), caller=caller)
    assert [str(event.session_id) for event in world.events(SessionEnded)] == [there.session_id]
    await world.refresh(here.refresh_token)
    await world.login(password="another good password 77")
    with pytest.raises(WrongCredentials):
        await world.login()


async def test_guesses_of_the_current_password_lock_the_address(world: World) -> None:
    created = await world.verified_user()
    caller: Caller = world.caller(created, await world.login())
    guess = ChangePassword(current_password="a wrong guess 12345", password="another good password 77")
    for _ in range(5):
        with pytest.raises(WrongPassword):
            await world.call(guess, caller=caller)
    with pytest.raises(AccountLocked):
        await world.call(guess, caller=caller)
    with pytest.raises(AccountLocked):
        await world.login(ADDRESS)
