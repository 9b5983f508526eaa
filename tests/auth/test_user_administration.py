"""Administrators list, suspend and unlock users, and remove lost second factors."""

import typing
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pyotp
import pytest
from pydantic import SecretStr

from events.auth import SecondFactorDisabled, SessionEnded, UserSuspended, UserUnsuspended
from events.sign_in import PasskeyDeleted
from functions.auth.commands.begin_second_factor import BeginSecondFactor
from functions.auth.commands.create_token import CreateToken
from functions.auth.commands.enable_second_factor import EnableSecondFactor
from functions.auth.commands.exchange_token import ExchangeToken
from functions.auth.commands.remove_second_factor import RemoveSecondFactor
from functions.auth.commands.suspend_user import SuspendUser
from functions.auth.commands.unlock_user import UnlockUser
from functions.auth.commands.unsuspend_user import UnsuspendUser
from functions.auth.domain.email_limits import EmailKind
from functions.auth.domain.passkey import Passkey, RegisteredKey
from functions.auth.domain.rejections import (
    AccountLocked,
    AccountSuspended,
    InvalidApiToken,
    LastAdministrator,
    SecondFactorNotEnabled,
    SelfSuspended,
    SessionExpired,
    UserNotFound,
    WrongCredentials,
)
from functions.auth.domain.user import Role
from functions.auth.ports import Passkeys
from functions.auth.queries.user import ShowUser
from functions.auth.queries.users import ListUsers
from functions.auth.services.session_tokens import SessionTokens
from functions.kernel import Caller, Forbidden, RecentLoginRequired, Scope, Transient, Unauthenticated
from functions.runtime.config.registry import Registry
from tests.auth.world import ADDRESS, ADMIN, World

REASON = "Repeated abuse reports."


def recent(world: World, caller: Caller) -> Caller:
    return replace(caller, authenticated_at=world.clock.now())


def test_every_way_to_sign_in_refuses_suspended_accounts() -> None:
    ways = [each for each in Registry.load().declarations if SessionTokens in typing.get_type_hints(each.handler).values()]
    assert {"auth.login", "auth.login_with_passkey", "auth.redeem_device_code", "auth.finish_provider_login"} <= {each.name for each in ways}
    assert [each.name for each in ways if AccountSuspended not in each.rejects] == []


async def test_a_suspension_ends_sessions_and_refuses_sign_ins_until_it_ends() -> None:
    world = World()
    caller, session = await world.signed_in_user()
    token = await world.call(CreateToken(name="ci", scopes=[Scope.READ]), caller=recent(world, caller))
    view = await world.call(SuspendUser(user_id=caller.user_id, reason=REASON), caller=recent(world, ADMIN))
    assert view.suspension_reason == REASON and view.suspended_at == world.clock.now()
    assert {each.session_id for each in world.events(SessionEnded)} == {caller.session_id, token.id}
    assert [each.reason for each in world.events(UserSuspended)] == [REASON]
    with pytest.raises(Unauthenticated):
        await world.call(CreateToken(name="cd", scopes=[Scope.READ]), caller=recent(world, caller))
    with pytest.raises(SessionExpired):
        await world.refresh(session.refresh_token)
    with pytest.raises(AccountSuspended, match=r"suspended the account: Repeated abuse reports\."):
        await world.login()
    with pytest.raises(WrongCredentials):
        await world.login(password="wrong password entirely")
    with pytest.raises(InvalidApiToken, match="suspended"):
        await world.call(ExchangeToken(token=SecretStr(token.token)))

    await world.call(UnsuspendUser(user_id=caller.user_id), caller=ADMIN)
    await world.call(UnsuspendUser(user_id=caller.user_id), caller=ADMIN)
    assert len(world.events(UserUnsuspended)) == 1
    [suspended, unsuspended, _] = [each for each in world.records if each.target == f"users/{caller.user_id}/suspension"]
    assert (suspended.user_id, suspended.before, suspended.after) == (ADMIN.user_id, {"suspended": False}, {"suspended": True})
    assert (unsuspended.before, unsuspended.after) == ({"suspended": True}, {"suspended": False})
    assert REASON not in "".join(each.model_dump_json() for each in world.records), "no entry has what is said about a user"
    assert (await world.login()).access_token


async def test_a_second_factor_that_is_not_on_yet_is_not_removed() -> None:
    world = World()
    caller, _ = await world.signed_in_user()
    await world.call(BeginSecondFactor(), caller=recent(world, caller))
    with pytest.raises(SecondFactorNotEnabled):
        await world.call(RemoveSecondFactor(user_id=caller.user_id), caller=recent(world, ADMIN))
    assert not world.events(SecondFactorDisabled)


async def test_a_sign_in_that_began_before_a_suspension_starts_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    caller, _ = await world.signed_in_user()
    matches = world.hasher.matches

    async def suspend_and_match(password_hash: str | None, text: str) -> bool:
        stored = world.users.rows[caller.user_id]
        stored.suspend(REASON, world.clock.now())
        stored.version += 1
        return await matches(password_hash, text)

    monkeypatch.setattr(world.hasher, "matches", suspend_and_match)
    with pytest.raises(Transient):  # 503: try again
        await world.login()
    with pytest.raises(AccountSuspended):
        await world.login()
    assert len(world.sessions.rows) == 1


async def test_a_suspension_needs_a_recent_sign_in() -> None:
    world = World()
    caller, _ = await world.signed_in_user()
    with pytest.raises(RecentLoginRequired):
        await world.call(SuspendUser(user_id=caller.user_id, reason=REASON), caller=ADMIN)
    assert world.users.rows[caller.user_id].suspended_at is None


async def test_administrators_cannot_suspend_themselves_or_the_last_one() -> None:
    world = World()
    caller, _ = await world.signed_in_user()
    stored = world.users.rows[caller.user_id]
    stored.roles = frozenset({Role.USER, Role.ADMIN})
    with pytest.raises(LastAdministrator):
        await world.call(SuspendUser(user_id=caller.user_id, reason=REASON), caller=recent(world, ADMIN))
    with pytest.raises(SelfSuspended):
        await world.call(SuspendUser(user_id=caller.user_id, reason=REASON), caller=recent(world, Caller(caller.user_id, ADMIN.roles)))
    with pytest.raises(UserNotFound):
        await world.call(SuspendUser(user_id=uuid4(), reason=REASON), caller=recent(world, ADMIN))
    world.users.rows[ADMIN.user_id] = replace(stored, id=ADMIN.user_id, email="root@example.org")
    await world.call(SuspendUser(user_id=caller.user_id, reason=REASON), caller=recent(world, ADMIN))


async def test_users_are_listed_searched_and_shown() -> None:
    world = World()
    caller, _ = await world.signed_in_user()
    await world.register("bob@example.org")
    await world.call(SuspendUser(user_id=caller.user_id, reason=REASON), caller=recent(world, ADMIN))

    async def found(**request: Any) -> list[str]:
        return [each.email for each in (await world.call(ListUsers(**request), caller=ADMIN)).items]

    assert await found() == ["bob@example.org", ADDRESS]
    assert await found(search="BOB") == ["bob@example.org"]
    assert await found(suspended=True) == [ADDRESS] and await found(suspended=False) == ["bob@example.org"]
    page = await world.call(ListUsers(limit=1), caller=ADMIN)
    assert await found(limit=1, cursor=UUID(page.next)) == [ADDRESS]
    with pytest.raises(Forbidden):
        await world.call(ListUsers(), caller=Caller(uuid4()))
    view = await world.call(ShowUser(user_id=caller.user_id), caller=ADMIN)
    assert (view.sessions, view.failed_logins, view.has_second_factor, view.suspension_reason) == (0, 0, False, REASON)


async def test_a_lock_after_failed_sign_ins_is_ended() -> None:
    world = World()
    caller, _ = await world.signed_in_user()
    for _ in range(5):
        with pytest.raises(WrongCredentials):
            await world.login(password="wrong password entirely")
    with pytest.raises(AccountLocked):
        await world.login()
    view = await world.call(ShowUser(user_id=caller.user_id), caller=ADMIN)
    assert view.failed_logins == 5 and view.locked_until is not None
    await world.call(UnlockUser(user_id=caller.user_id), caller=ADMIN)
    assert (await world.login()).access_token


async def test_a_lost_second_factor_is_removed_and_the_user_is_told() -> None:
    world = World()
    caller, _ = await world.signed_in_user()
    secret = (await world.call(BeginSecondFactor(), caller=recent(world, caller))).secret
    code = pyotp.TOTP(secret).at(world.clock.now())
    await world.call(EnableSecondFactor(code=SecretStr(code)), caller=recent(world, caller))
    passkeys = world.port(Passkeys)
    for credential_id, owner in ((b"one", caller.user_id), (b"two", caller.user_id), (b"other", uuid4())):
        await passkeys.add(Passkey.register(owner, RegisteredKey(credential_id, b"key", 0, True), "Laptop", world.clock.now())[0])
    with pytest.raises(RecentLoginRequired):
        await world.call(RemoveSecondFactor(user_id=caller.user_id), caller=ADMIN)
    await world.call(RemoveSecondFactor(user_id=caller.user_id), caller=recent(world, ADMIN))
    await world.settle()
    assert [each.by_administrator for each in world.events(SecondFactorDisabled)] == [True]
    assert {each.reason for each in world.events(SessionEnded) if each.session_id == caller.session_id} == {"second-factor-removed"}
    assert (EmailKind.SECOND_FACTOR_REMOVED, ADDRESS, "") in world.mailer.notices
    assert await passkeys.list_for_user(caller.user_id) == [] and len(world.events(PasskeyDeleted)) == 2
    assert await passkeys.lock_by_credential(b"other") is not None
    removed = next(each for each in world.records if each.function == "auth.remove_second_factor" and each.outcome == "done")
    assert (removed.before, removed.after) == ({"second_factor": "on", "passkeys": 2}, {"second_factor": "off", "passkeys": 0})
    assert (await world.login()).access_token
