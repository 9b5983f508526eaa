"""The list of sessions, and their revocation."""

from uuid import UUID

import pytest

from events.auth import SessionEnded, UserCreated
from functions.auth.adapters.session_limits import session_limits
from functions.auth.commands.revoke_session import RevokeSession
from functions.auth.commands.revoke_sessions import RevokeSessions
from functions.auth.domain.rejections import (
    SessionExpired,
    SessionNotFound,
)
from functions.auth.domain.user_agent import UserAgent
from functions.auth.domain.views import SessionView
from functions.auth.queries.sessions import ActiveSessionView, ListSessions
from functions.kernel import Caller, Client, Page, new_id
from functions.runtime.config.settings import Settings
from functions.wire.settings import InvalidSetting
from tests.auth.world import World


async def signed_in(world: World, count: int) -> tuple[UserCreated, list[SessionView], Caller]:
    """A user with several sessions, and the caller of the first one."""
    created = await world.verified_user()
    sessions = [await world.login() for _ in range(count)]
    return created, sessions, world.caller(created, sessions[0])


async def list_sessions(world: World, caller: Caller, **request: object) -> Page[ActiveSessionView]:
    page = await world.call(ListSessions.model_validate(request), caller=caller)
    assert isinstance(page, Page)
    return page


async def test_a_session_is_listed_with_its_device(world: World) -> None:
    created = await world.verified_user()
    world.client = Client("203.0.113.7", "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0")
    first = await world.login()
    started_at = world.clock.now()
    world.clock.advance(minutes=20)
    world.client = Client("2001:db8::1", world.client.user_agent)
    await world.refresh(first.refresh_token)
    other = await world.login()

    listed = (await list_sessions(world, world.caller(created, first))).items
    assert [each.id for each in listed] == [UUID(other.session_id), UUID(first.session_id)]
    assert listed[1] == ActiveSessionView(
        id=UUID(first.session_id),
        is_current=True,
        program="Firefox 127",
        system="Linux",
        user_agent=world.client.user_agent,
        address="2001:db8::1",
        started_at=started_at,
        last_seen_at=world.clock.now(),
        expires_at=world.clock.now() + session_limits(Settings({})).idle_timeout,
        has_second_factor=False,
    )
    assert not listed[0].is_current


async def test_ended_expired_and_foreign_sessions_are_not_listed_and_pages_have_a_next_one(world: World) -> None:
    _, sessions, caller = await signed_in(world, 4)
    await world.call(RevokeSession(session_id=UUID(sessions[1].session_id)), caller=caller)
    page = await list_sessions(world, caller, limit=2)
    rest = await list_sessions(world, caller, limit=2, cursor=page.next)
    assert [str(each.id) for each in (*page.items, *rest.items)] == [sessions[index].session_id for index in (3, 2, 0)]
    assert rest.next is None
    assert (await list_sessions(world, Caller(new_id()))).items == []
    world.clock.advance(days=31)
    assert (await list_sessions(world, caller)).items == []


async def test_a_revoked_session_ends_at_once_and_revoking_is_idempotent(world: World) -> None:
    created, sessions, caller = await signed_in(world, 2)
    request = RevokeSession(session_id=UUID(sessions[1].session_id))
    for _ in range(2):
        await world.call(request, caller=caller)
    assert [(each.session_id, each.reason) for each in world.events(SessionEnded)] == [(request.session_id, "revoked")]
    assert request.session_id in world.sessions.revoked.rows
    with pytest.raises(SessionExpired):
        await world.refresh(sessions[1].refresh_token)
    await world.refresh(sessions[0].refresh_token)
    assert created.user_id == caller.user_id


async def test_a_foreign_or_unknown_session_is_not_found(world: World) -> None:
    _, sessions, _ = await signed_in(world, 1)
    for session_id in (UUID(sessions[0].session_id), new_id()):
        with pytest.raises(SessionNotFound):
            await world.call(RevokeSession(session_id=session_id), caller=Caller(new_id()))
    assert not world.events(SessionEnded)


@pytest.mark.parametrize(("request_body", "revoked"), [({"except": "current"}, 2), ({}, 3)])
async def test_all_sessions_are_revoked_or_all_others(world: World, request_body: dict[str, str], revoked: int) -> None:
    _, _, caller = await signed_in(world, 3)
    view = await world.call(RevokeSessions.model_validate(request_body), caller=caller)
    assert view.revoked == revoked == len(world.events(SessionEnded))
    assert (caller.session_id in world.sessions.revoked.rows) == (not request_body)


async def test_settings_shorten_sessions_at_their_next_refresh() -> None:
    world = World(settings={"CAPSULE_SESSION_IDLE_DAYS": "2", "CAPSULE_SESSION_MAX_DAYS": "3"})
    await world.verified_user()
    token = (await world.login()).refresh_token
    for _ in range(2):
        world.clock.advance(hours=35)
        token = (await world.refresh(token)).refresh_token
    world.clock.advance(hours=2)
    with pytest.raises(SessionExpired):
        await world.refresh(token)


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "soon", "99999"])
def test_a_limit_that_is_no_number_of_days_is_refused(value: str) -> None:
    with pytest.raises(InvalidSetting, match=f'CAPSULE_SESSION_MAX_DAYS is "{value}"'):
        session_limits(Settings({"CAPSULE_SESSION_MAX_DAYS": value}))


@pytest.mark.parametrize(
    ("header", "program", "system"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
         "Mobile Safari 17", "iOS 17"),
        ("capsule-cli/0.2.0 (Linux)", "Capsule CLI 0.2.0", "Linux"),
        ("capsule-cli", "Capsule CLI", ""),
        ("curl/8.5.0", "curl 8", ""),
        ("my-tool/1.2.3 extra", "my-tool 1.2.3", ""),
        ("", "", ""),
        ("(nothing at all", "", ""),
        ("/" * 512, "", ""),
    ],
)  # fmt: skip
def test_a_user_agent_names_program_and_system(header: str, program: str, system: str) -> None:
    assert UserAgent.parse(header) == UserAgent(program, system)
