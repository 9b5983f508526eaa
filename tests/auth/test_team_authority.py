"""Who gives which role in a team, and for how long the authority lasts."""

import pytest

from functions.auth.commands.change_member_role import ChangeMemberRole
from functions.auth.commands.invite_member import InviteMember
from functions.kernel import Forbidden, Role
from tests.auth.team_world import ADA, BOB, EVE, TeamWorld


@pytest.fixture
async def world() -> TeamWorld:
    world = TeamWorld()
    await world.prepare()
    return world


async def test_nobody_gives_a_role_that_allows_more_than_their_own(world: TeamWorld) -> None:
    team = await world.team(ADA)
    await world.join(team, BOB, Role.ADMIN)
    await world.join(team, EVE, Role.VIEWER)
    for user in (BOB, EVE):
        with pytest.raises(Forbidden, match=r"lacks billing\.write"):
            await world.call(ChangeMemberRole(team_id=team, user_id=user.user_id, role=Role.BILLING), caller=BOB)
    with pytest.raises(Forbidden, match=r"lacks billing\.write"):
        await world.call(InviteMember(team_id=team, email="guest@example.org", role=Role.BILLING), caller=BOB)
    for role in (Role.ADMIN, Role.DEVELOPER, Role.VIEWER):
        await world.call(ChangeMemberRole(team_id=team, user_id=EVE.user_id, role=role), caller=BOB)
        await world.call(InviteMember(team_id=team, email=f"{role}@example.org", role=role), caller=BOB)
    await world.call(ChangeMemberRole(team_id=team, user_id=EVE.user_id, role=Role.BILLING), caller=ADA)
