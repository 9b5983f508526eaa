"""Refresh tokens in families, and the end of sessions."""

from uuid import UUID

import pytest

from events.auth import SessionEnded
from functions.auth.commands.logout import Logout, logout
from functions.auth.commands.refresh import SessionView
from functions.auth.domain.rejections import InvalidRefreshToken, RefreshTokenReused, SessionExpired, UnknownUser
from functions.auth.domain.session import IDLE_TIMEOUT, LONGEST, MAX_GRACE_USES, REUSE_GRACE
from functions.auth.domain.user import Role
from functions.auth.queries.profile import ShowProfile, profile
from functions.kernel import Caller, Client, Done, Rejected, new_id
from tests.auth.world import ADDRESS, World


async def turn(world: World, token: str) -> SessionView:
    done = await world.refresh(token)
    assert isinstance(done, Done)
    return done.output


async def reuse(world: World, token: str) -> SessionEnded:
    outcome = await world.refresh(token)
    assert isinstance(outcome, Rejected)
    assert isinstance(outcome.reason, RefreshTokenReused)
    (event,) = outcome.events
    assert isinstance(event, SessionEnded)
    return event


async def sign_out(world: World, caller: Caller) -> Done[None]:
    return await logout(Logout(), world.sessions, caller, world.clock)


async def test_a_refresh_token_is_traded_for_the_next(world: World) -> None:
    await world.verified_user()
    tokens = [(await world.signed_in()).refresh_token]
    for _ in range(5):
        world.clock.forward(minutes=14)
        tokens.append((await turn(world, tokens[-1])).refresh_token)
    assert len(set(tokens)) == 6
    (session,) = world.sessions.rows.values()
    assert session.generation == 6


async def test_an_old_token_ends_the_session_for_everybody(world: World) -> None:
    created = await world.verified_user()
    first = await world.signed_in()
    world.clock.forward(minutes=1)
    second = await turn(world, first.refresh_token)
    world.clock.at += REUSE_GRACE * 2

    ended = await reuse(world, first.refresh_token)
    assert ended == SessionEnded(session_id=UUID(first.session_id), user_id=created.user_id, reason="refresh-token-reused", at=world.clock.now())
    for token in (first.refresh_token, second.refresh_token):
        with pytest.raises(SessionExpired):
            await world.refresh(token)


async def test_two_generations_back_is_a_reuse_even_within_the_grace(world: World) -> None:
    await world.verified_user()
    first = (await world.signed_in()).refresh_token
    await turn(world, (await turn(world, first)).refresh_token)
    await reuse(world, first)


async def test_a_race_is_let_pass_and_both_go_on(world: World) -> None:
    await world.verified_user()
    first = (await world.signed_in()).refresh_token
    one = await turn(world, first)
    world.clock.at += REUSE_GRACE
    other = await turn(world, first)
    assert one.refresh_token != other.refresh_token
    await turn(world, other.refresh_token)
    await turn(world, one.refresh_token)  # a sibling of the token that has just rotated the family: a race again


async def test_races_are_counted(world: World) -> None:
    await world.verified_user()
    first = (await world.signed_in()).refresh_token
    await turn(world, first)
    for _ in range(MAX_GRACE_USES):
        await turn(world, first)
    await reuse(world, first)


async def test_the_grace_is_not_renewed_by_using_it(world: World) -> None:
    await world.verified_user()
    first = (await world.signed_in()).refresh_token
    await turn(world, first)
    world.clock.at += REUSE_GRACE
    await turn(world, first)
    world.clock.forward(milliseconds=1)
    await reuse(world, first)


async def test_the_sibling_of_a_stolen_token_is_found_out(world: World) -> None:
    """A thief who is quick enough for the grace has a token as good as the owner's; whoever of both comes second ends the session."""
    await world.verified_user()
    first = (await world.signed_in()).refresh_token
    owner = await turn(world, first)
    thief = await turn(world, first)
    world.clock.forward(minutes=14)
    await turn(world, owner.refresh_token)
    world.clock.forward(minutes=14)
    await reuse(world, thief.refresh_token)


async def test_an_unknown_token_is_refused(world: World) -> None:
    with pytest.raises(InvalidRefreshToken):
        await world.refresh("cpr_guessed")


async def test_a_session_nobody_uses_ends(world: World) -> None:
    await world.verified_user()
    token = (await world.signed_in()).refresh_token
    world.clock.at += IDLE_TIMEOUT
    with pytest.raises(SessionExpired):
        await world.refresh(token)


async def test_a_session_ends_at_last_however_much_it_is_used(world: World) -> None:
    await world.verified_user()
    token = (await world.signed_in()).refresh_token
    began = world.clock.at
    while world.clock.at < began + LONGEST - IDLE_TIMEOUT / 2:
        world.clock.at += IDLE_TIMEOUT / 2
        if world.clock.at < began + LONGEST:
            token = (await turn(world, token)).refresh_token
    world.clock.at = began + LONGEST
    with pytest.raises(SessionExpired):
        await world.refresh(token)


async def test_a_session_knows_where_it_was_last_seen(world: World) -> None:
    await world.verified_user()
    token = (await world.signed_in()).refresh_token
    world.clock.forward(hours=1)
    world.client = Client("2001:db8::1", "x" * 4000)
    await turn(world, token)
    (session,) = world.sessions.rows.values()
    assert (session.device.address, len(session.device.user_agent)) == ("2001:db8::1", 512)
    assert session.last_seen_at == world.clock.now()


async def test_signing_out_ends_this_session_only_and_once(world: World) -> None:
    created = await world.verified_user()
    here, there = await world.signed_in(), await world.signed_in()
    caller = Caller(created.user_id, session_id=UUID(here.session_id))

    done = await sign_out(world, caller)
    assert [type(event) for event in done.events] == [SessionEnded]
    assert (await sign_out(world, caller)).events == ()
    with pytest.raises(SessionExpired):
        await world.refresh(here.refresh_token)
    await turn(world, there.refresh_token)


async def test_signing_out_without_a_session_does_nothing(world: World) -> None:
    created = await world.verified_user()
    assert (await sign_out(world, Caller(created.user_id))).events == ()
    assert (await sign_out(world, Caller(created.user_id, session_id=new_id()))).events == ()


async def test_the_profile(world: World) -> None:
    created = await world.verified_user()
    shown = await profile(ShowProfile(), world.users, Caller(created.user_id))
    assert shown.model_dump(by_alias=True) == {
        "id": created.user_id,
        "email": ADDRESS,
        "emailVerified": True,
        "roles": [Role.USER],
        "createdAt": created.at,
        "updatedAt": world.clock.now(),
    }


async def test_the_profile_of_nobody(world: World) -> None:
    with pytest.raises(UnknownUser):
        await profile(ShowProfile(), world.users, Caller(new_id()))
