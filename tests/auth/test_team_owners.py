"""Owners of teams: who counts as one, and to whom the contact address belongs."""

from dataclasses import replace
from uuid import UUID

import pytest
from pydantic import SecretStr

from events.teams import TeamChanged
from functions.auth import ports as auth
from functions.auth.commands.change_member_role import ChangeMemberRole
from functions.auth.commands.delete_account import DeleteAccount
from functions.auth.commands.leave_team import LeaveTeam
from functions.auth.commands.remove_member import RemoveMember
from functions.auth.commands.transfer_team import TransferTeam
from functions.auth.domain.team_rejections import (
    InactiveMember,
    LastOwner,
    OwnsTeams,
)
from functions.kernel import Caller, Role
from functions.monitor import ports as monitor
from tests.auth.team_world import ADA, BOB, EVE, PASSWORD, TeamWorld


@pytest.fixture
async def world() -> TeamWorld:
    world = TeamWorld()
    await world.prepare()
    return world


async def suspend(world: TeamWorld, user: Caller) -> None:
    users = world.port(auth.Users)
    stored = await users.get(user.user_id)
    await users.save(replace(stored, suspended_at=world.clock.now()))


async def delete(world: TeamWorld, user: Caller) -> None:
    await world.call(DeleteAccount(password=SecretStr(PASSWORD)), caller=world.recently(user))


async def roles(world: TeamWorld, team: UUID) -> dict[UUID, Role]:
    return {each.membership.user_id: each.membership.role for each in await world.port(auth.Teams).list_members(team)}


@pytest.mark.parametrize("ending", ["removed", "left", "demoted", "deleted"])
async def test_bills_and_alerts_follow_the_owners(world: TeamWorld, ending: str) -> None:
    team = await world.team(ADA)
    await world.join(team, BOB, Role.OWNER)
    await world.join(team, EVE, Role.OWNER)
    await world.advance(seconds=1)
    if ending == "removed":
        await world.call(RemoveMember(team_id=team, user_id=ADA.user_id), caller=BOB)
    elif ending == "left":
        await world.call(LeaveTeam(team_id=team), caller=ADA)
    elif ending == "demoted":
        await world.call(ChangeMemberRole(team_id=team, user_id=ADA.user_id, role=Role.VIEWER), caller=ADA)
    else:
        await delete(world, ADA)
        await world.advance(days=15)
        await world.run("auth.housekeeping")
    await world.settle()
    assert await world.port(monitor.Addresses).of(team) == "bob@example.org"
    assert [each.event.email for each in world.published if isinstance(each.event, TeamChanged)][-1] == "bob@example.org"


async def test_the_contact_stays_when_another_owner_leaves(world: TeamWorld) -> None:
    team = await world.team(ADA)
    await world.join(team, BOB, Role.OWNER)
    await world.call(LeaveTeam(team_id=team), caller=BOB)
    assert (await world.port(auth.Teams).find(team)).email == "ada@example.org"


@pytest.mark.parametrize("is_deleted", [True, False])
async def test_an_owner_without_an_active_account_does_not_count(world: TeamWorld, is_deleted: bool) -> None:
    team = await world.team(ADA)
    await world.join(team, BOB, Role.OWNER)
    await (delete if is_deleted else suspend)(world, BOB)
    for request in (LeaveTeam(team_id=team), ChangeMemberRole(team_id=team, user_id=ADA.user_id, role=Role.ADMIN)):
        with pytest.raises(LastOwner):
            await world.call(request, caller=ADA)
    with pytest.raises(OwnsTeams):
        await delete(world, ADA)
    with pytest.raises(InactiveMember):
        await world.call(TransferTeam(team_id=team, user_id=BOB.user_id), caller=world.recently(ADA))
    await world.call(RemoveMember(team_id=team, user_id=BOB.user_id), caller=ADA)
    assert await roles(world, team) == {ADA.user_id: Role.OWNER}


async def test_a_team_falls_to_a_member_with_an_active_account(world: TeamWorld) -> None:
    team = await world.team(ADA)
    await delete(world, ADA)
    await world.join(team, BOB, Role.ADMIN)  # during the grace period
    await world.join(team, EVE, Role.VIEWER)
    await suspend(world, BOB)
    await world.advance(days=15)
    await world.run("auth.housekeeping")
    assert await roles(world, team) == {BOB.user_id: Role.ADMIN, EVE.user_id: Role.OWNER}
    assert await world.port(monitor.Addresses).of(team) == "eve@example.org"
