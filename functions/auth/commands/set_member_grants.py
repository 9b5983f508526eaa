"""Set what a member may do beyond the role.

Replaces all grants of the member. A grant allows in one application what a developer may do there; in a protected
environment (production) it must name the environment.
"""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from events.teams import TeamMembershipChanged
from functions.auth.domain.team import MAX_GRANTS, Roster, membership_event
from functions.auth.domain.team_rejections import (
    MemberNotFound,
    PersonalTeam,
    TeamNotFound,
    UnknownApplication,
    UnknownEnvironment,
)
from functions.auth.domain.team_views import GrantView, MembershipView
from functions.auth.ports import Teams
from functions.auth.services.access_control import AccessControl
from functions.auth.services.grants import Grants
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, command


class SetMemberGrants(Model):
    team_id: UUID
    user_id: UUID
    grants: Annotated[list[GrantView], Field(max_length=MAX_GRANTS)]


@command(
    http="PUT /v1/teams/{team_id}/members/{user_id}/grants",
    permission=Permission.TEAM_MANAGE,
    rejects=[TeamNotFound, PersonalTeam, MemberNotFound, UnknownApplication, UnknownEnvironment],
    emits=[TeamMembershipChanged],
)
async def set_member_grants(
    request: SetMemberGrants, teams: Teams, checked: Grants, control: AccessControl, permit: Permit, clock: Clock
) -> Done[MembershipView]:
    _, team = await control.lock_shared_team(permit, request.team_id)
    grants = [each.grant for each in request.grants]
    await checked.check(team.id, grants)
    roster = Roster.of(await teams.list_members(team.id))
    former = roster.get(request.user_id)
    member = roster.change_grants(request.user_id, grants)
    await teams.save_member(member)
    change = Change({"grants": [str(each) for each in former.grants]}, {"grants": [str(each) for each in member.grants]})
    return Done(MembershipView.of(member), membership_event(member, clock.now()), change=change)
