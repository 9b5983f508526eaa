"""Change the role of a member.

Takes effect in all contexts within a second. Nobody gives a role that allows more than their own. Only an
owner demotes owners, and one always remains. Appointing an owner needs a recent sign-in.
A change to viewer or billing removes the member's grants.
"""

from uuid import UUID

from events.teams import TeamChanged, TeamMembershipChanged
from functions.auth.domain.team import Roster, membership_event
from functions.auth.domain.team_rejections import (
    LastOwner,
    MemberNotFound,
    PersonalTeam,
    TeamNotFound,
)
from functions.auth.domain.team_views import MembershipView
from functions.auth.ports import Teams
from functions.auth.services.access_control import AccessControl
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, RecentLoginRequired, Role, command


class ChangeMemberRole(Model):
    team_id: UUID
    user_id: UUID
    role: Role


@command(
    http="PATCH /v1/teams/{team_id}/members/{user_id}",
    permission=Permission.TEAM_MANAGE,
    rejects=[TeamNotFound, PersonalTeam, MemberNotFound, LastOwner, RecentLoginRequired],
    emits=[TeamChanged, TeamMembershipChanged],
)
async def change_member_role(request: ChangeMemberRole, teams: Teams, control: AccessControl, permit: Permit, clock: Clock) -> Done[MembershipView]:
    now = clock.now()
    access, team = await control.lock_shared_team(permit, request.team_id)
    roster = Roster.of(await teams.list_members(team.id))
    former = roster.get(request.user_id)
    member = roster.change_role(request.user_id, request.role, access, now)
    await teams.save_member(member)
    contact = team.keep_contact(roster, now)
    await teams.save(team)
    return Done(MembershipView.of(member), membership_event(member, now), *contact, change=Change({"role": former.role}, {"role": member.role}))
