"""The change of an account's e-mail address, confirmed at both addresses."""

import pytest
from pydantic import SecretStr

from events.auth import EmailChanged, SessionEnded, UserDeleted, UserExpired
from functions.auth.commands.cancel_email_change import CancelEmailChange
from functions.auth.commands.confirm_email_change import ConfirmEmailChange
from functions.auth.commands.request_email_change import RequestEmailChange
from functions.auth.commands.request_password_reset import RequestPasswordReset
from functions.auth.commands.reset_password import ResetPassword
from functions.auth.domain.email_change import EMAIL_CHANGE_LIFETIME, Side
from functions.auth.domain.email_limits import MAX_PER_WINDOW, EmailKind
from functions.auth.domain.rejections import (
    AccountLocked,
    EmailUnavailable,
    EmailUnchanged,
    ExpiredLink,
    NoEmailChange,
    UnknownLink,
    UsedLink,
    WrongCredentials,
    WrongPassword,
)
from functions.auth.domain.views import EmailChangeView
from functions.auth.queries.email_change import ShowEmailChange
from functions.kernel import Caller
from tests.auth.world import ADDRESS, PASSWORD, World

NEW = "ada@example.com"


async def request_change(world: World, caller: Caller, email: str = NEW, password: str = PASSWORD) -> EmailChangeView:
    view: EmailChangeView = await world.call(RequestEmailChange(email=email, password=SecretStr(password)), caller=caller)
    await world.settle()
    return view


async def confirm(world: World, token: str) -> EmailChangeView:
    view: EmailChangeView = await world.call(ConfirmEmailChange(token=SecretStr(token)))
    await world.settle()
    return view


def links(world: World) -> dict[str, str]:
    """Recipient → token of the newest link."""
    return {to: token for kind, to, token in world.mailer.notices if kind is EmailKind.EMAIL_CHANGE}


@pytest.mark.parametrize("order", [(ADDRESS, NEW), (NEW, ADDRESS)])
async def test_the_address_changes_when_both_have_confirmed(world: World, order: tuple[str, str]) -> None:
    caller, session = await world.signed_in_user()
    await request_change(world, caller)
    first, second = order
    pending = await confirm(world, links(world)[first])
    assert pending.unconfirmed == [Side.NEW if first == ADDRESS else Side.CURRENT]
    assert await confirm(world, links(world)[first]) == pending, "idempotent"
    assert not world.events(EmailChanged)

    assert (await confirm(world, links(world)[second])).unconfirmed == []
    (changed,) = world.events(EmailChanged)
    assert (changed.former_email, changed.email) == (ADDRESS, NEW)
    assert [(str(event.session_id), event.reason) for event in world.events(SessionEnded)] == [(session.session_id, "email-changed")]
    assert [to for kind, to, _ in world.mailer.notices if kind is EmailKind.EMAIL_CHANGED] == [ADDRESS, NEW]
    await world.login(NEW)
    with pytest.raises(WrongCredentials):
        await world.login(ADDRESS)
    with pytest.raises(UsedLink):
        await confirm(world, links(world)[second])


async def test_it_needs_the_password_and_guesses_lock_the_address(world: World) -> None:
    caller, _ = await world.signed_in_user()
    for _ in range(5):
        with pytest.raises(WrongPassword):
            await request_change(world, caller, password="a wrong guess 12345")
    with pytest.raises(AccountLocked):
        await request_change(world, caller)
    assert not links(world)


async def test_the_answer_does_not_tell_whether_the_new_address_has_an_account(world: World) -> None:
    caller, _ = await world.signed_in_user()
    _, token = await world.registered(NEW)
    await world.verify(token)
    verified_before = world.hasher.verified
    in_use = await request_change(world, caller)
    free = await request_change(world, caller, "free@example.com")
    assert (in_use.unconfirmed, in_use.expires_at) == (free.unconfirmed, free.expires_at)
    assert world.hasher.verified == verified_before + 2
    assert set(links(world)) == {ADDRESS, "free@example.com"}
    assert [to for kind, to, _ in world.mailer.notices if kind is EmailKind.ADDRESS_IN_USE] == [NEW]


async def test_an_address_that_is_registered_and_verified_meanwhile_is_not_taken_over(world: World) -> None:
    caller, _ = await world.signed_in_user()
    await request_change(world, caller)
    await confirm(world, links(world)[ADDRESS])
    _, token = await world.registered(NEW)
    await world.verify(token)
    with pytest.raises(EmailUnavailable):
        await confirm(world, links(world)[NEW])
    await world.login(ADDRESS)


async def test_an_account_that_nobody_verified_does_not_block_its_address(world: World) -> None:
    caller, _ = await world.signed_in_user()
    squatter, _ = await world.registered(NEW)
    await request_change(world, caller)
    for token in list(links(world).values()):
        await confirm(world, token)
    assert [event.user_id for event in world.events(UserExpired)] == [squatter.user_id]
    assert [event.user_id for event in world.events(UserDeleted)] == [squatter.user_id]
    await world.login(NEW)


async def test_links_expire_and_those_of_a_replaced_or_cancelled_change_are_unknown(world: World) -> None:
    caller, _ = await world.signed_in_user()
    await request_change(world, caller)
    former = links(world)
    await request_change(world, caller, "other@example.com")
    for token in former.values():
        with pytest.raises(UnknownLink):
            await confirm(world, token)
    latest = links(world)["other@example.com"]
    world.clock.at += EMAIL_CHANGE_LIFETIME
    with pytest.raises(ExpiredLink):
        await confirm(world, latest)
    with pytest.raises(NoEmailChange):
        await world.call(ShowEmailChange(), caller=caller)
    await world.call(CancelEmailChange(), caller=caller)
    with pytest.raises(UnknownLink):
        await confirm(world, latest)


async def test_a_password_reset_cancels_the_change_of_a_stolen_session(world: World) -> None:
    caller, _ = await world.signed_in_user()
    await request_change(world, caller)
    await world.call(RequestPasswordReset(email=ADDRESS))
    await world.settle()
    (token,) = world.mailer.tokens(EmailKind.PASSWORD_RESET)
    await world.call(ResetPassword(token=SecretStr(token), password=SecretStr("another good password 77")))
    with pytest.raises(UnknownLink):
        await confirm(world, links(world)[NEW])


async def test_links_to_the_former_address_are_void_after_the_change(world: World) -> None:
    caller, _ = await world.signed_in_user()
    await world.call(RequestPasswordReset(email=ADDRESS))
    await request_change(world, caller)
    for token in list(links(world).values()):
        await confirm(world, token)
    (token,) = world.mailer.tokens(EmailKind.PASSWORD_RESET)
    with pytest.raises(UsedLink):
        await world.call(ResetPassword(token=SecretStr(token), password=SecretStr("another good password 77")))


async def test_the_same_address_is_refused_and_strangers_are_not_flooded(world: World) -> None:
    caller, _ = await world.signed_in_user()
    with pytest.raises(EmailUnchanged):
        await request_change(world, caller, "Ada@Example.org")
    for number in range(MAX_PER_WINDOW + 2):
        await request_change(world, caller, f"stranger-{number}@example.com")
    assert len(links(world)) == MAX_PER_WINDOW + 1  # the strangers, and the current address
