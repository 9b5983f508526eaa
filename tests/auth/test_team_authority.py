"""Who gives which role in a team, and for how long the authority lasts."""

from dataclasses import replace

import pytest
from pydantic import SecretStr

from functions.auth import ports as auth
from functions.auth.commands.accept_invitation import AcceptInvitation
from functions.auth.commands.change_member_role import ChangeMemberRole
from functions.auth.commands.invite_member import InviteMember
from functions.auth.commands.remove_member import RemoveMember
from functions.auth.commands.set_member_grants import SetMemberGrants
from functions.auth.domain.email_limits import EmailKind
from functions.auth.domain.rejections import (
    UnknownLink,
)
from functions.auth.domain.team_views import GrantView
from functions.auth.queries.audit import ListAudit
from functions.deploy import ports as deploy
from functions.kernel import Forbidden, RecentLoginRequired, Role
from tests.auth.team_world import ADA, BOB, EVE, TeamWorld
from tests.auth.world import ADMIN


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


@pytest.mark.parametrize("ending", ["removed", "demoted", "suspended"])
async def test_an_invitation_ends_with_the_authority_of_who_sent_it(world: TeamWorld, ending: str) -> None:
    team = await world.team(ADA)
    await world.join(team, BOB, Role.ADMIN)
    await world.call(InviteMember(team_id=team, email="eve@example.org", role=Role.ADMIN), caller=BOB)
    await world.settle()
    accept = AcceptInvitation(token=SecretStr(world.port(auth.Mailer).tokens(EmailKind.INVITATION)[-1]))
    if ending == "removed":
        await world.call(RemoveMember(team_id=team, user_id=BOB.user_id), caller=ADA)
    elif ending == "demoted":
        await world.call(ChangeMemberRole(team_id=team, user_id=BOB.user_id, role=Role.DEVELOPER), caller=ADA)
    else:
        users = world.port(auth.Users)
        await users.save(replace(await users.get(BOB.user_id), suspended_at=world.clock.now()))
    with pytest.raises(UnknownLink):
        await world.call(accept, caller=EVE)


async def test_an_owner_is_appointed_with_a_recent_sign_in(world: TeamWorld) -> None:
    team = await world.team(ADA)
    await world.join(team, BOB, Role.ADMIN)
    appoint = ChangeMemberRole(team_id=team, user_id=BOB.user_id, role=Role.OWNER)
    invite = InviteMember(team_id=team, email="eve@example.org", role=Role.OWNER)
    for request in (appoint, invite):
        with pytest.raises(RecentLoginRequired):
            await world.call(request, caller=ADA)
        await world.call(request, caller=world.recently(ADA))
    await world.call(ChangeMemberRole(team_id=team, user_id=BOB.user_id, role=Role.ADMIN), caller=ADA)


async def test_grants_end_with_the_role_of_a_developer(world: TeamWorld) -> None:
    team = await world.team(ADA)
    await world.join(team, BOB, Role.DEVELOPER)
    grant = GrantView(application_id=await world.application(ADA, team), environment="production")
    set_grants = SetMemberGrants(team_id=team, user_id=BOB.user_id, grants=[grant])
    for role, grants in ((Role.ADMIN, [grant]), (Role.VIEWER, []), (Role.DEVELOPER, [])):
        if grants:
            await world.call(set_grants, caller=ADA)
        changed = await world.call(ChangeMemberRole(team_id=team, user_id=BOB.user_id, role=role), caller=ADA)
        assert changed.grants == grants
    await world.settle()
    membership = await world.port(deploy.Memberships).find(team, BOB.user_id)
    assert membership is not None
    assert membership.grants == ()
    await world.call(ChangeMemberRole(team_id=team, user_id=BOB.user_id, role=Role.VIEWER), caller=ADA)
    assert (await world.call(set_grants, caller=ADA)).grants == [grant]


async def test_the_audit_log_has_roles_and_grants_before_and_after(world: TeamWorld) -> None:
    team = await world.team(ADA)
    await world.join(team, BOB, Role.VIEWER)
    application = await world.application(ADA, team)
    await world.call(ChangeMemberRole(team_id=team, user_id=BOB.user_id, role=Role.DEVELOPER), caller=ADA)
    grant = GrantView(application_id=application, environment="production")
    await world.call(SetMemberGrants(team_id=team, user_id=BOB.user_id, grants=[grant]), caller=ADA)
    await world.call(RemoveMember(team_id=team, user_id=BOB.user_id), caller=ADA)
    await world.settle()
    found = {each.function: (each.before, each.after) for each in (await world.call(ListAudit(), caller=ADMIN)).items}
    assert found["auth.invite_member"] == (None, {"role": "viewer"}) == found["auth.accept_invitation"]
    assert found["auth.change_member_role"] == ({"role": "viewer"}, {"role": "developer"})
    assert found["auth.set_member_grants"] == ({"grants": []}, {"grants": [f"{application}:production"]})
    assert found["auth.remove_member"] == ({"role": "developer"}, None)
