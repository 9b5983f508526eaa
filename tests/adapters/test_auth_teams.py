"""The contracts of `Teams` and `Invitations`, on memory and on PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from functions.auth.adapters.postgres_invitations import PostgresInvitations
from functions.auth.adapters.postgres_teams import PostgresTeams
from functions.auth.domain.email import Email
from functions.auth.domain.invitation import LIFETIME, Invitation
from functions.auth.domain.team import Team
from functions.auth.domain.team_rejections import (
    AlreadyInvited,
    AlreadyMember,
    TeamNotFound,
)
from functions.auth.domain.tokens import RETENTION, OpaqueToken
from functions.auth.domain.user import User
from functions.auth.ports import Invitations, Teams
from functions.kernel import Caller, Grant, Membership, Permission, Permit, Role, check_team, new_id
from tests.adapters.auth_stores import NOW, Stores, in_memory, in_postgres, stored_user
from tests.memory.auth_teams import MemoryInvitations, MemoryTeams


@dataclass
class World:
    stores: Stores
    teams: Teams
    invitations: Invitations

    async def team(self) -> tuple[Team, User, Membership]:
        user = await stored_user(self.stores)
        team, owner, _ = Team.create("crew", user, NOW)
        async with self.stores.transaction():
            await self.teams.add(team, owner)
        return team, user, owner

    def invitation(self, team: Team, email: str = "guest@example.org") -> tuple[Invitation, OpaqueToken]:
        token, inviter = OpaqueToken(f"token-{uuid4()}"), uuid4()
        return Invitation.create(new_id(), team.id, Email(email), Role.VIEWER, inviter, token, NOW)[0], token


@pytest.fixture(scope="module")
def url(postgres: Any) -> str:
    return str(postgres.database("auth").functions_url)


@pytest.fixture(params=["memory", "postgres"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "memory":
        stores = in_memory()
        yield World(stores, MemoryTeams(stores.users), MemoryInvitations())
        return
    async with in_postgres(request.getfixturevalue("url")) as stores:
        assert stores.database is not None
        yield World(stores, PostgresTeams(stores.database), PostgresInvitations(stores.database))


async def test_a_team_is_read_with_checked_access_and_changed(world: World) -> None:
    team, user, owner = await world.team()
    access = check_team(Permit(Caller(user.id), Permission.TEAM_OWN), owner, TeamNotFound())
    async with world.stores.transaction():
        assert await world.teams.get(access) == team
        locked = await world.teams.lock(access)
        locked.name, locked.email = "other", "other@example.org"
        await world.teams.save(locked)
        assert await world.teams.find(team.id) == locked
        await world.teams.delete(team.id)
        await world.teams.delete(team.id)
        assert await world.teams.find(team.id) is None
        assert await world.teams.list_of(user.id) == []
        with pytest.raises(TeamNotFound):
            await world.teams.get(access)


async def test_members_have_roles_and_grants(world: World) -> None:
    team, user, owner = await world.team()
    other = await stored_user(world.stores)
    member = Membership(new_id(), team.id, other.id, Role.VIEWER)
    async with world.stores.transaction():
        await world.teams.add_member(member, NOW)
        with pytest.raises(AlreadyMember):
            await world.teams.add_member(replace(member, id=new_id()), NOW)
        first, second = sorted((uuid4(), uuid4()))
        changed = replace(member, role=Role.DEVELOPER, grants=(Grant(first, "production"), Grant(first, None), Grant(second, None)))
        await world.teams.save_member(changed)
    async with world.stores.transaction(read_only=True):
        assert await world.teams.find_membership(team.id, other.id) == changed
        assert await world.teams.find_membership(team.id, uuid4()) is None
        assert await world.teams.find_membership(other.id, other.id) == Membership.personal(other.id)
        assert await world.teams.list_of(other.id) == [(team, changed)]
        members = await world.teams.list_members(team.id)
    assert [(each.membership, each.email, each.joined_at) for each in members] == [(owner, user.email, NOW), (changed, other.email, NOW)]
    assert [each.is_active for each in members] == [True, True]
    async with world.stores.transaction():
        user.deletes_at, other.suspended_at, other.suspension_reason = NOW, NOW, "abuse"
        await world.stores.users.save(user)
        await world.stores.users.save(other)
        members = await world.teams.list_members(team.id)
    assert [(each.deletes_at, each.suspended_at, each.is_active) for each in members] == [(NOW, None, False), (None, NOW, False)]
    async with world.stores.transaction():
        await world.teams.save_member(replace(changed, grants=()))
        found = await world.teams.find_membership(team.id, other.id)
        assert found is not None
        assert found.grants == ()
        await world.teams.remove_member(member.id)
        await world.teams.remove_member(member.id)
        assert await world.teams.find_membership(team.id, other.id) is None


async def test_created_teams_are_counted_after_their_deletion(world: World) -> None:
    team, user, _ = await world.team()
    async with world.stores.transaction():
        assert await world.stores.users.lock(user.id) == user
        assert await world.stores.users.lock(uuid4()) is None
        assert await world.teams.count_created(user.id) == 1
        await world.teams.delete(team.id)
        assert await world.teams.count_created(user.id) == 0
        assert await world.teams.count_created(user.id, since=NOW - timedelta(seconds=1)) == 1
        assert await world.teams.count_created(user.id, since=NOW) == 0
        assert await world.teams.count_created(uuid4(), since=NOW - timedelta(days=1)) == 0


async def test_applications_of_shared_teams_are_remembered_in_any_order(world: World) -> None:
    team, user, _ = await world.team()
    one, two = uuid4(), uuid4()
    async with world.stores.transaction():
        for _ in range(2):
            await world.teams.add_applications([(team.id, one)])
        await world.teams.remove_application(team.id, two)
        await world.teams.add_applications([(team.id, two)])  # arrives late
        await world.teams.add_applications([(user.id, uuid4())])  # of the personal team
        assert await world.teams.list_applications(team.id) == [one]
        await world.teams.remove_application(team.id, one)
        assert await world.teams.list_applications(team.id) == []


async def test_environments_are_remembered_in_any_order(world: World) -> None:
    team, *_ = await world.team()
    one, other = uuid4(), uuid4()
    async with world.stores.transaction():
        await world.teams.record_environment(one, "review", is_deleted=True, at=NOW)
        await world.teams.record_environment(one, "review", is_deleted=False, at=NOW - timedelta(minutes=1))  # arrives late
        for _ in range(2):
            await world.teams.record_environment(one, "qa", is_deleted=False, at=NOW)
        known = await world.teams.list_environments([one, other])
        assert known[one].names == ["production", "qa", "staging"] and known[other].names == ["production", "staging"]
        assert not known[one].may_have("review") and not known[other].may_have("qa")
        await world.teams.remove_application(team.id, one)
        assert (await world.teams.list_environments([one]))[one].exists == {}


async def test_the_last_transfer_of_an_application_counts_in_any_order(world: World) -> None:
    team, user, _ = await world.team()
    one, two = uuid4(), uuid4()
    async with world.stores.transaction():
        for application, last, middle in ((one, team.id, user.id), (two, user.id, team.id)):
            await world.teams.transfer_application(application, last, NOW)
            await world.teams.transfer_application(application, middle, NOW - timedelta(minutes=1))
        assert await world.teams.list_applications(team.id) == [one]
        await world.teams.transfer_application(one, user.id, NOW + timedelta(minutes=1))
        assert await world.teams.list_applications(team.id) == []


async def test_an_address_has_one_open_invitation_to_a_team(world: World) -> None:
    team, *_ = await world.team()
    invitation, token = world.invitation(team)
    other, _ = world.invitation(team, "other@example.org")
    async with world.stores.transaction():
        await world.invitations.add(invitation)
        await world.invitations.add(other)
        with pytest.raises(AlreadyInvited):
            await world.invitations.add(world.invitation(team)[0])
        assert await world.invitations.get(invitation.id) == await world.invitations.lock(invitation.id) == invitation
        assert await world.invitations.lock(uuid4()) is None
        assert await world.invitations.find_by_token(token) == invitation
        assert await world.invitations.find_by_token(OpaqueToken("another")) is None
        assert await world.invitations.list_open(team.id, NOW) == sorted([invitation, other], key=lambda each: each.id, reverse=True)
        await world.invitations.delete(invitation.id)
        assert await world.invitations.get(invitation.id) is None
        assert await world.invitations.prune(NOW + LIFETIME + RETENTION) == 0
        assert await world.invitations.prune(NOW + LIFETIME + RETENTION + timedelta(seconds=1)) >= 1
        assert await world.invitations.list_open(team.id, NOW) == []


async def test_an_expired_invitation_is_not_open_and_is_replaced(world: World) -> None:
    team, *_ = await world.team()
    expired, token = world.invitation(team)
    another, _ = world.invitation(team)
    another.created_at, another.expires_at = NOW + LIFETIME, NOW + 2 * LIFETIME
    async with world.stores.transaction():
        await world.invitations.add(expired)
        assert await world.invitations.list_open(team.id, NOW + LIFETIME - timedelta(seconds=1)) == [expired]
        assert await world.invitations.list_open(team.id, NOW + LIFETIME) == []
        await world.invitations.add(another)
        assert await world.invitations.list_open(team.id, NOW + LIFETIME) == [another]
        assert await world.invitations.get(expired.id) is await world.invitations.find_by_token(token) is None


async def test_sent_invitations_are_counted_until_they_are_old(world: World) -> None:
    team, *_ = await world.team()
    address = f"{uuid4().hex}@example.org"
    invitation, _ = world.invitation(team, address)
    before = NOW - timedelta(seconds=1)
    async with world.stores.transaction():
        await world.invitations.add(invitation)
        await world.invitations.delete(invitation.id)
        await world.teams.delete(team.id)
        for since, count in ((before, 1), (NOW, 0)):
            assert await world.invitations.count_by(invitation.invited_by, since) == count
            assert await world.invitations.count_to(Email(address), since) == count
        assert await world.invitations.count_by(uuid4(), before) == await world.invitations.count_to(Email("other@example.net"), before) == 0
        await world.invitations.prune(NOW + RETENTION)
        assert await world.invitations.count_by(invitation.invited_by, before) == 1
        await world.invitations.prune(NOW + RETENTION + timedelta(seconds=1))
        assert await world.invitations.count_by(invitation.invited_by, before) == 0
