"""Families of refresh tokens, and the end of sessions."""

from uuid import UUID

import pytest

from events.auth import SessionEnded
from functions.auth.domain.rejections import (
    InvalidRefreshToken,
    RefreshTokenReused,
    SessionExpired,
    UnknownUser,
)
from functions.auth.domain.session import DEFAULT_LIMITS, MAX_GRACE_USES, REUSE_GRACE
from functions.auth.domain.user import Role
from functions.auth.queries.profile import ShowProfile
from functions.kernel import Caller, Client, Unauthenticated, new_id
from tests.auth.world import ADDRESS, World

IDLE_TIMEOUT, MAX_LIFETIME = DEFAULT_LIMITS.idle_timeout, DEFAULT_LIMITS.max_lifetime


async def reuse(world: World, token: str) -> SessionEnded:
    """Refresh with a token that must be rejected as reused, and return the event that ends the session."""
    before = len(world.events(SessionEnded))
    with pytest.raises(RefreshTokenReused):
        await world.refresh(token)
    (event,) = world.events(SessionEnded)[before:]
    return event


async def test_each_refresh_yields_the_next_refresh_token(world: World) -> None:
    await world.verified_user()
    tokens = [(await world.login()).refresh_token]
    for _ in range(5):
        world.clock.advance(minutes=14)
        tokens.append((await world.refresh(tokens[-1])).refresh_token)
    assert len(set(tokens)) == 6
    (session,) = world.sessions.rows.values()
    assert session.generation == 6


async def test_a_reused_token_ends_the_session(world: World) -> None:
    created = await world.verified_user()
    first = await world.login()
    world.clock.advance(minutes=1)
    second = await world.refresh(first.refresh_token)
    world.clock.at += REUSE_GRACE * 2

    ended = await reuse(world, first.refresh_token)
    assert ended == SessionEnded(session_id=UUID(first.session_id), user_id=created.user_id, reason="refresh-token-reused", at=world.clock.now())
    for token in (first.refresh_token, second.refresh_token):
        with pytest.raises(SessionExpired):
            await world.refresh(token)


async def test_a_token_two_generations_old_is_reused_even_within_the_grace_period(world: World) -> None:
    await world.verified_user()
    first = (await world.login()).refresh_token
    await world.refresh((await world.refresh(first)).refresh_token)
    await reuse(world, first)


async def test_two_concurrent_refreshes_both_succeed(world: World) -> None:
    await world.verified_user()
    first = (await world.login()).refresh_token
    one = await world.refresh(first)
    world.clock.at += REUSE_GRACE
    other = await world.refresh(first)
    assert one.refresh_token != other.refresh_token
    await world.refresh(other.refresh_token)
    await world.refresh(one.refresh_token)  # of the same generation as the token that has just rotated the family: concurrent again


async def test_uses_within_the_grace_period_are_limited(world: World) -> None:
    await world.verified_user()
    first = (await world.login()).refresh_token
    await world.refresh(first)
    for _ in range(MAX_GRACE_USES):
        await world.refresh(first)
    await reuse(world, first)


async def test_a_use_does_not_extend_the_grace_period(world: World) -> None:
    await world.verified_user()
    first = (await world.login()).refresh_token
    await world.refresh(first)
    world.clock.at += REUSE_GRACE
    await world.refresh(first)
    world.clock.advance(milliseconds=1)
    await reuse(world, first)


async def test_a_token_stolen_within_the_grace_period_is_detected_at_its_next_use(world: World) -> None:
    """Thief and owner have tokens of the same generation. Whoever refreshes second ends the session."""
    await world.verified_user()
    first = (await world.login()).refresh_token
    owner = await world.refresh(first)
    thief = await world.refresh(first)
    world.clock.advance(minutes=14)
    await world.refresh(owner.refresh_token)
    world.clock.advance(minutes=14)
    await reuse(world, thief.refresh_token)


async def test_an_unknown_token_is_rejected(world: World) -> None:
    with pytest.raises(InvalidRefreshToken):
        await world.refresh("cpr_guessed")


async def test_an_idle_session_expires(world: World) -> None:
    await world.verified_user()
    token = (await world.login()).refresh_token
    world.clock.at += IDLE_TIMEOUT
    with pytest.raises(SessionExpired):
        await world.refresh(token)


async def test_a_session_in_use_expires_after_its_maximum_lifetime(world: World) -> None:
    await world.verified_user()
    token = (await world.login()).refresh_token
    started_at = world.clock.at
    while world.clock.at < started_at + MAX_LIFETIME - IDLE_TIMEOUT / 2:
        world.clock.at += IDLE_TIMEOUT / 2
        if world.clock.at < started_at + MAX_LIFETIME:
            token = (await world.refresh(token)).refresh_token
    world.clock.at = started_at + MAX_LIFETIME
    with pytest.raises(SessionExpired):
        await world.refresh(token)


async def test_a_refresh_records_device_and_time(world: World) -> None:
    await world.verified_user()
    token = (await world.login()).refresh_token
    world.clock.advance(hours=1)
    world.client = Client("2001:db8::1", "x" * 4000)
    await world.refresh(token)
    (session,) = world.sessions.rows.values()
    assert (session.device.address, len(session.device.user_agent)) == ("2001:db8::1", 512)
    assert session.last_seen_at == world.clock.now()


async def test_signing_out_ends_this_session_only(world: World) -> None:
    created = await world.verified_user()
    here, there = await world.login(), await world.login()
    caller = Caller(created.user_id, session_id=UUID(here.session_id))

    await world.logout(caller)
    assert len(world.events(SessionEnded)) == 1
    with pytest.raises(Unauthenticated, match="has ended"):
        await world.logout(caller)
    assert len(world.events(SessionEnded)) == 1
    with pytest.raises(SessionExpired):
        await world.refresh(here.refresh_token)
    await world.refresh(there.refresh_token)


async def test_signing_out_without_a_session_does_nothing(world: World) -> None:
    created = await world.verified_user()
    await world.logout(Caller(created.user_id))
    await world.logout(Caller(created.user_id, session_id=new_id()))
    assert not world.events(SessionEnded)


async def test_the_profile_shows_the_account(world: World) -> None:
    created = await world.verified_user()
    profile = await world.call(ShowProfile(), caller=Caller(created.user_id))
    assert profile.model_dump(by_alias=True) == {
        "id": created.user_id,
        "email": ADDRESS,
        "emailVerified": True,
        "roles": [Role.USER],
        "name": "",
        "deletesAt": None,
        "createdAt": created.at,
        "updatedAt": world.clock.now(),
    }


async def test_the_profile_of_an_unknown_user_is_not_found(world: World) -> None:
    with pytest.raises(UnknownUser):
        await world.call(ShowProfile(), caller=Caller(new_id()))
