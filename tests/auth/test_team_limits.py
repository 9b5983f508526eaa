"""Limits of teams and invitations: what is deleted makes no room for more."""

from collections.abc import Callable
from uuid import UUID

import pytest
from pydantic import ValidationError

from functions.auth.commands.create_team import CreateTeam
from functions.auth.commands.delete_team import DeleteTeam
from functions.auth.commands.invite_member import InviteMember
from functions.auth.commands.revoke_invitation import RevokeInvitation
from functions.auth.commands.transfer_team import TransferTeam
from functions.auth.commands.update_team import UpdateTeam
from functions.auth.domain.team_rejections import (
    TooManyInvitations,
    TooManyTeams,
)
from functions.auth.queries.invitations import ListInvitations
from functions.kernel import Caller, Model, Role
from tests.auth.team_world import ADA, BOB, EVE, TeamWorld


@pytest.fixture
async def world() -> TeamWorld:
    world = TeamWorld()
    await world.prepare()
    return world


@pytest.mark.parametrize(
    "refused", ["a\u0085b", "a\u2028b", "a\u2029b", "a\u202eb", "a\u2066b", "a\u200bb", "a\nb", "a\x00b", "see https://example.org"]
)
@pytest.mark.parametrize("request_with", [lambda name: CreateTeam(name=name), lambda name: UpdateTeam(team_id=UUID(int=1), name=name)])
def test_a_name_breaks_no_line_and_names_no_page(refused: str, request_with: Callable[[str], Model]) -> None:
    with pytest.raises(ValidationError):
        request_with(refused)


@pytest.mark.parametrize("name", ["crew", "Équipe n° 1: ops/dev", "\u5de5\u5177", "\u05e6\u05d5\u05d5\u05ea"])
def test_a_name_may_be_in_any_script(name: str) -> None:
    assert CreateTeam(name=name).name == name


async def delete(world: TeamWorld, team: UUID) -> None:
    await world.call(DeleteTeam(team_id=team), caller=world.recently(ADA))


async def test_a_user_has_created_three_teams_that_exist(world: TeamWorld) -> None:
    first, *_ = [await world.team(ADA) for _ in range(3)]
    await world.join(first, BOB, Role.ADMIN)
    await world.call(TransferTeam(team_id=first, user_id=BOB.user_id), caller=world.recently(ADA))
    with pytest.raises(TooManyTeams, match="created 3 teams"):
        await world.call(CreateTeam(name="crew"), caller=ADA)
    await world.team(BOB)  # whoever creates a team counts, not who owns it


async def invite(world: TeamWorld, team: UUID, email: str, caller: Caller = ADA) -> UUID:
    invited = await world.call(InviteMember(team_id=team, email=email), caller=caller)
    assert isinstance(invited.id, UUID)
    return invited.id


async def test_an_expired_invitation_is_not_listed(world: TeamWorld) -> None:
    team = await world.team(ADA)
    await invite(world, team, "guest@example.org")
    assert len((await world.call(ListInvitations(team_id=team), caller=ADA)).items) == 1
    await world.advance(days=7)
    assert (await world.call(ListInvitations(team_id=team), caller=ADA)).items == []


async def test_a_user_sends_thirty_invitations_in_an_hour(world: TeamWorld) -> None:
    team = await world.team(ADA)
    for number in range(29):
        invitation = await invite(world, team, f"guest-{number}@example.org")
        await world.call(RevokeInvitation(team_id=team, invitation_id=invitation), caller=ADA)
    await world.join(team, BOB, Role.ADMIN)  # accepted
    other = await world.team(ADA)
    await delete(world, team)
    with pytest.raises(TooManyInvitations, match="in the last hour"):
        await invite(world, other, "another@example.org")
    await world.advance(hours=1)
    await invite(world, other, "another@example.org")


async def test_an_address_gets_five_invitations_in_a_day(world: TeamWorld) -> None:
    teams = {caller: await world.team(caller) for caller in (ADA, BOB)}
    for caller in (ADA, BOB, ADA, BOB, ADA):
        invitation = await invite(world, teams[caller], "guest@example.org", caller)
        await world.call(RevokeInvitation(team_id=teams[caller], invitation_id=invitation), caller=caller)
    with pytest.raises(TooManyInvitations, match="This address"):
        await invite(world, teams[BOB], "Guest@example.org", BOB)
    await invite(world, teams[BOB], "other@example.org", BOB)
    await world.advance(days=1)
    await invite(world, teams[BOB], "guest@example.org", BOB)


async def test_a_user_creates_five_teams_in_thirty_days(world: TeamWorld) -> None:
    for _ in range(5):
        await delete(world, await world.team(ADA))
    with pytest.raises(TooManyTeams, match="5 teams in 30 days"):
        await world.call(CreateTeam(name="crew"), caller=ADA)
    await world.team(EVE)
    await world.advance(days=30)
    await world.team(ADA)
