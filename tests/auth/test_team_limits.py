"""Limits of teams and invitations: what is deleted makes no room for more."""

from uuid import UUID

import pytest

from functions.auth.commands.create_team import CreateTeam
from functions.auth.commands.delete_team import DeleteTeam
from functions.auth.commands.transfer_team import TransferTeam
from functions.auth.domain.rejections import TooManyTeams
from functions.kernel import Role
from tests.auth.team_world import ADA, BOB, EVE, TeamWorld


@pytest.fixture
async def world() -> TeamWorld:
    world = TeamWorld()
    await world.prepare()
    return world


async def delete(world: TeamWorld, team: UUID) -> None:
    await world.call(DeleteTeam(team_id=team), caller=world.recently(ADA))


async def test_a_user_has_created_three_teams_that_exist(world: TeamWorld) -> None:
    first, *_ = [await world.team(ADA) for _ in range(3)]
    await world.join(first, BOB, Role.ADMIN)
    await world.call(TransferTeam(team_id=first, user_id=BOB.user_id), caller=world.recently(ADA))
    with pytest.raises(TooManyTeams, match="created 3 teams"):
        await world.call(CreateTeam(name="crew"), caller=ADA)
    await world.team(BOB)  # whoever creates a team counts, not who owns it


async def test_a_user_creates_five_teams_in_thirty_days(world: TeamWorld) -> None:
    for _ in range(5):
        await delete(world, await world.team(ADA))
    with pytest.raises(TooManyTeams, match="5 teams in 30 days"):
        await world.call(CreateTeam(name="crew"), caller=ADA)
    await world.team(EVE)
    await world.advance(days=30)
    await world.team(ADA)
