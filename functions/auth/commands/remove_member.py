"""Revoke the membership of a user in a team.

Takes effect in all contexts within a second. Only an owner removes another owner, and one always remains.
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
from functions.auth.ports import Teams
from functions.auth.services.access_control import AccessControl
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, command


class RemoveMember(Model):
    team_id: UUID
    user_id: UUID


@command(
    http="DELETE /v1/teams/{team_id}/members/{user_id}",
    permission=Permission.TEAM_MANAGE,
    status=204,
    rejects=[TeamNotFound, PersonalTeam, MemberNotFound, LastOwner],
    emits=[TeamChanged, TeamMembershipChanged],
)
async def remove_member(request: RemoveMember, teams: Teams, control: AccessControl, permit: Permit, clock: Clock) -> Done[None]:
    now = clock.now()
    access, team = await control.lock_shared_team(permit, request.team_id)
    roster = Roster.of(await teams.list_members(team.id))
    member = roster.remove(request.user_id, access)
    await teams.remove_member(member.id)
    contact = team.keep_contact(roster, now)
    await teams.save(team)
    return Done(None, membership_event(member, now, has_ended=True), *contact, change=Change(before={"role": member.role}))
