"""Transfer the ownership of a team to another member.

You become an administrator of the team. Bills and alerts go to the new owner from then on.
"""

from uuid import UUID

from events.teams import TeamChanged, TeamMembershipChanged
from functions.auth.domain.team import Roster, membership_event
from functions.auth.domain.team_rejections import (
    InactiveMember,
    MemberNotFound,
    PersonalTeam,
    TeamNotFound,
)
from functions.auth.domain.team_views import TeamView
from functions.auth.ports import Teams
from functions.auth.services.access_control import AccessControl
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, command


class TransferTeam(Model):
    team_id: UUID
    user_id: UUID
    """The member who becomes the owner."""


@command(
    http="POST /v1/teams/{team_id}/transfer",
    permission=Permission.TEAM_OWN,
    rejects=[TeamNotFound, PersonalTeam, MemberNotFound, InactiveMember],
    emits=[TeamChanged, TeamMembershipChanged],
    needs_recent_login=True,
)
async def transfer_team(request: TransferTeam, teams: Teams, control: AccessControl, permit: Permit, clock: Clock) -> Done[TeamView]:
    now = clock.now()
    access, team = await control.lock_shared_team(permit, request.team_id)
    members = await teams.list_members(team.id)
    roster = Roster.of(members)
    if roster.get(request.user_id).user_id == access.caller.user_id:
        return Done(TeamView.of(team, access.role))

    owner, former = roster.transfer(access.caller.user_id, request.user_id)
    for member in (owner, former):
        await teams.save_member(member)
    events = team.change_email(next(each.email for each in members if each.membership.user_id == owner.user_id), now)
    await teams.save(team)
    change = Change({"owner": former.user_id}, {"owner": owner.user_id})
    return Done(TeamView.of(team, former.role), *events, membership_event(owner, now), membership_event(former, now), change=change)
