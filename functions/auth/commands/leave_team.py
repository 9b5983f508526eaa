"""End your own membership in a team.

The last owner transfers or deletes the team first.
"""

from uuid import UUID

from events.teams import TeamMembershipChanged
from functions.auth.domain.rejections import LastOwner, MemberNotFound, PersonalTeam, TeamNotFound
from functions.auth.domain.team import Roster, membership_event
from functions.auth.ports import Teams
from functions.auth.services.access_control import AccessControl
from functions.kernel import Clock, Done, Model, Permission, Permit, command


class LeaveTeam(Model):
    team_id: UUID


@command(
    http="DELETE /v1/teams/{team_id}/membership",
    permission=Permission.TEAM_READ,
    status=204,
    rejects=[TeamNotFound, PersonalTeam, MemberNotFound, LastOwner],
    emits=[TeamMembershipChanged],
)
async def leave_team(request: LeaveTeam, teams: Teams, control: AccessControl, permit: Permit, clock: Clock) -> Done[None]:
    access = await control.to_shared_team(permit, request.team_id)
    team = await teams.lock(access)
    member = Roster.of(each.membership for each in await teams.list_members(team.id)).remove(access.caller.user_id, access)
    await teams.remove_member(member.id)
    return Done(None, membership_event(member, clock.now(), has_ended=True))
