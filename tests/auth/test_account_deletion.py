"""Profile, deletion of an account after a grace period, and its restoration."""

from datetime import timedelta

import pytest
from pydantic import SecretStr

from events.auth import SessionEnded, UserCreated, UserDeleted
from functions.auth.commands.delete_account import DeleteAccount
from functions.auth.commands.restore_account import RestoreAccount
from functions.auth.commands.update_profile import UpdateProfile
from functions.auth.domain.email_limits import EmailKind
from functions.auth.domain.rejections import (
    LastAdministrator,
    WrongPassword,
)
from functions.auth.domain.user import Role
from functions.auth.queries.profile import ShowProfile
from functions.kernel import Caller, Unauthenticated
from tests.auth.world import ADDRESS, PASSWORD, World

GRACE = timedelta(days=14)


async def delete(world: World, caller: Caller, password: str = PASSWORD) -> None:
    await world.call(DeleteAccount(password=SecretStr(password)), caller=caller)
    await world.settle()


async def test_the_account_is_deleted_after_the_grace_period(world: World) -> None:
    caller, session = await world.signed_in_user()
    await delete(world, caller)
    deletes_at = world.clock.now() + GRACE
    assert world.mailer.notices == [(EmailKind.DELETION_REQUESTED, ADDRESS, deletes_at.isoformat())]
    assert [str(event.session_id) for event in world.events(SessionEnded)] == [session.session_id]
    with pytest.raises(Unauthenticated):
        await world.call(ShowProfile(), caller=caller)

    world.clock.at = deletes_at - timedelta(seconds=1)
    await world.run("auth.housekeeping")
    later = await world.login()
    assert later.deletes_at == deletes_at
    world.clock.at = deletes_at
    for _ in range(2):
        await world.run("auth.housekeeping")
    assert [event.user_id for event in world.events(UserDeleted)] == [caller.user_id]
    assert str(world.events(SessionEnded)[-1].session_id) == later.session_id
    assert not world.users.rows
    again = await world.register()
    assert isinstance(again, UserCreated) and again.user_id != caller.user_id


async def test_it_is_restored_within_the_grace_period(world: World) -> None:
    caller, _ = await world.signed_in_user()
    await delete(world, caller)
    world.clock.advance(days=13)
    created = world.events(UserCreated)[0]
    caller = world.caller(created, await world.login())
    for _ in range(2):
        await world.call(RestoreAccount(), caller=caller)
        await world.settle()
    assert [kind for kind, _, _ in world.mailer.notices].count(EmailKind.ACCOUNT_RESTORED) == 1
    world.clock.advance(days=30)
    await world.run("auth.housekeeping")
    assert world.users.rows and not world.events(UserDeleted)


async def test_it_needs_the_password_and_a_second_request_does_not_prolong_the_grace_period(world: World) -> None:
    caller, _ = await world.signed_in_user()
    with pytest.raises(WrongPassword):
        await delete(world, caller, "a wrong guess 12345")
    await delete(world, caller)
    world.clock.advance(days=1)
    caller = world.caller(world.events(UserCreated)[0], await world.login())
    await delete(world, caller)
    assert [kind for kind, _, _ in world.mailer.notices] == [EmailKind.DELETION_REQUESTED]
    assert world.users.rows[caller.user_id].deletes_at == world.clock.now() + GRACE - timedelta(days=1)


async def test_the_last_administrator_stays(world: World) -> None:
    caller, _ = await world.signed_in_user()
    world.users.rows[caller.user_id].roles = frozenset({Role.USER, Role.ADMIN})
    with pytest.raises(LastAdministrator):
        await delete(world, caller)


async def test_the_name_is_shown_in_the_profile(world: World) -> None:
    caller, _ = await world.signed_in_user()
    assert (await world.call(ShowProfile(), caller=caller)).name == ""
    view = await world.call(UpdateProfile(name=" Ada Lovelace "), caller=caller)
    assert view == await world.call(ShowProfile(), caller=caller)
    assert view.name == "Ada Lovelace"
