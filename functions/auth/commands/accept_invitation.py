"""Confirm an invitation to a team and become its member.

Takes the token of the link in the e-mail. Your account must have the address that was invited.
"""

from pydantic import Field

from events.teams import TeamMembershipChanged
from functions.auth.domain.rejections import (
    ExpiredLink,
    UnknownLink,
    UnknownUser,
)
from functions.auth.domain.team import MAX_TEAMS, Roster, membership_event
from functions.auth.domain.team_rejections import (
    AlreadyMember,
    InvitationForOther,
    TooManyTeams,
)
from functions.auth.domain.team_views import TeamView
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.ports import Invitations, Teams, Users
from functions.kernel import OWN_ACCOUNT, Caller, Change, Clock, Done, Model, SecretText, command


class AcceptInvitation(Model):
    token: SecretText = Field(description="The value of `token=` in the e-mailed link.")


@command(
    http="POST /v1/invitations/acceptance",
    allow=OWN_ACCOUNT,
    rejects=[UnknownUser, UnknownLink, ExpiredLink, InvitationForOther, AlreadyMember, TooManyTeams],
    emits=[TeamMembershipChanged],
)
async def accept_invitation(
    request: AcceptInvitation, invitations: Invitations, teams: Teams, users: Users, caller: Caller, clock: Clock
) -> Done[TeamView]:
    now = clock.now()
    user = await users.lock(caller.user_id)
    if user is None:
        raise UnknownUser
    found = await invitations.find_by_token(OpaqueToken(request.token.get_secret_value().strip()))
    team = await teams.lock_any(found.team_id) if found else None
    invitation = await invitations.lock(found.id) if found else None
    if invitation is None or team is None:
        raise UnknownLink
    inviter = Roster.of(await teams.list_members(team.id)).find(invitation.invited_by)
    if inviter is None or not inviter.may_give(invitation.role):
        raise UnknownLink
    membership = invitation.accept(user, now)
    if len(await teams.list_of(user.id)) >= MAX_TEAMS:
        raise TooManyTeams

    await teams.add_member(membership, now)
    await invitations.delete(invitation.id)
    return Done(
        TeamView.of(team, membership.role),
        membership_event(membership, now),
        change=Change(after={"role": membership.role}, target=f"teams/{team.id}/members/{user.id}"),
    )
