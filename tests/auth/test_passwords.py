"""Passwords: reset by a link in an e-mail, and notices of a change."""

from collections.abc import Awaitable, Callable

import pytest
from pydantic import SecretStr

from events.auth import EmailVerified, SessionEnded
from functions.auth.commands.change_password import ChangePassword
from functions.auth.commands.request_password_reset import RequestPasswordReset
from functions.auth.commands.reset_password import ResetPassword
from functions.auth.domain.email_limits import MAX_PER_WINDOW, EmailKind
from functions.auth.domain.rejections import (
    AccountLocked,
    ExpiredLink,
    UnknownLink,
    UnknownVerificationToken,
    UsedLink,
    UsedVerificationToken,
    WeakPassword,
    WrongCredentials,
)
from functions.kernel import Rejection
from tests.auth.world import ADDRESS, PASSWORD, World

NEW = "another good password 77"


async def request_reset(world: World, email: str = ADDRESS) -> None:
    await world.call(RequestPasswordReset(email=email))
    await world.settle()


async def reset(world: World, token: str, password: str = NEW) -> None:
    await world.call(ResetPassword(token=SecretStr(token), password=SecretStr(password)))
    await world.settle()


async def test_the_link_sets_the_password_ends_all_sessions_and_notifies(world: World) -> None:
    await world.verified_user()
    sessions = [await world.login(), await world.login()]
    await request_reset(world)
    (token,) = world.mailer.tokens(EmailKind.PASSWORD_RESET)
    await reset(world, token)
    assert {str(event.session_id) for event in world.events(SessionEnded)} == {session.session_id for session in sessions}
    with pytest.raises(WrongCredentials):
        await world.login()
    await world.login(password=NEW)
    assert (EmailKind.PASSWORD_CHANGED, ADDRESS, "") in world.mailer.notices
    with pytest.raises(UsedLink):
        await reset(world, token)


async def test_a_new_link_replaces_the_former_one_and_expires_after_an_hour(world: World) -> None:
    await world.verified_user()
    await request_reset(world)
    world.clock.advance(minutes=1)
    await request_reset(world)
    first, second = world.mailer.tokens(EmailKind.PASSWORD_RESET)
    with pytest.raises(UsedLink):
        await reset(world, first)
    world.clock.advance(minutes=60)
    with pytest.raises(ExpiredLink):
        await reset(world, second)


async def test_a_weak_password_does_not_use_up_the_link_and_a_made_up_one_is_unknown(world: World) -> None:
    await world.verified_user()
    await request_reset(world)
    (token,) = world.mailer.tokens(EmailKind.PASSWORD_RESET)
    with pytest.raises(WeakPassword):
        await reset(world, token, "password")
    with pytest.raises(UnknownLink):
        await reset(world, token + "x")
    await reset(world, token)


async def test_a_reset_proves_the_mailbox_of_an_unverified_account(world: World) -> None:
    _, verification = await world.registered()
    await request_reset(world)
    (token,) = world.mailer.tokens(EmailKind.PASSWORD_RESET)
    await reset(world, token)
    assert len(world.events(EmailVerified)) == 1
    await world.login(password=NEW)
    with pytest.raises(UsedVerificationToken):
        await world.verify(verification)


@pytest.mark.parametrize("swap", ["reset", "verify"])
async def test_a_link_serves_its_own_purpose_only(world: World, swap: str) -> None:
    _, verification = await world.registered()
    await request_reset(world)
    (token,) = world.mailer.tokens(EmailKind.PASSWORD_RESET)
    cases: dict[str, tuple[Callable[[], Awaitable[object]], type[Rejection]]] = {
        "reset": (lambda: reset(world, verification), UnknownLink),
        "verify": (lambda: world.verify(token), UnknownVerificationToken),
    }
    use, rejection = cases[swap]
    with pytest.raises(rejection):
        await use()


async def test_a_reset_lifts_the_lock_of_failed_logins(world: World) -> None:
    await world.verified_user()
    for _ in range(5):
        with pytest.raises(WrongCredentials):
            await world.login(password="a wrong guess 12345")
    with pytest.raises(AccountLocked):
        await world.login()
    await request_reset(world)
    await reset(world, world.mailer.tokens(EmailKind.PASSWORD_RESET)[0])
    await world.login(password=NEW)


async def test_an_unknown_address_gets_the_same_answer_and_no_email(world: World) -> None:
    await world.verified_user()
    answers = [await world.call(RequestPasswordReset(email=email)) for email in (ADDRESS, "nobody@example.org")]
    assert answers[0] == answers[1]
    await world.settle()
    assert [to for kind, to, _ in world.mailer.notices if kind is EmailKind.PASSWORD_RESET] == [ADDRESS]


async def test_an_address_is_not_flooded(world: World) -> None:
    await world.verified_user()
    for _ in range(MAX_PER_WINDOW + 2):
        await request_reset(world)
        world.clock.advance(seconds=1)
    assert len(world.mailer.tokens(EmailKind.PASSWORD_RESET)) == MAX_PER_WINDOW


async def test_a_changed_password_is_notified(world: World) -> None:
    caller, _ = await world.signed_in_user()
    await world.call(ChangePassword(current_password=SecretStr(PASSWORD), password=SecretStr(NEW)), caller=caller)
    await world.settle()
    assert world.mailer.notices == [(EmailKind.PASSWORD_CHANGED, ADDRESS, "")]
