"""Send an invitation to a team by e-mail.

It expires after seven days, and is accepted with the account of its address, which may be created first. Nobody
invites with a role that allows more than their own. Inviting an owner needs a recent sign-in.
"""

from datetime import timedelta
from uuid import UUID

from events.teams import TeamInvitationCreated
from functions.auth.domain.email import Email
from functions.auth.domain.invitation import MAX_PER_HOUR, MAX_TO_ADDRESS_PER_DAY, Invitation
from functions.auth.domain.rejections import (
    InvalidEmail,
)
from functions.auth.domain.team import MAX_MEMBERS, require_may_give
from functions.auth.domain.team_rejections import (
    AlreadyInvited,
    AlreadyMember,
    PersonalTeam,
    TeamFull,
    TeamNotFound,
    TooManyInvitations,
)
from functions.auth.domain.team_views import InvitationView
from functions.auth.ports import EmailTokens, Invitations, Teams, Users
from functions.auth.services.access_control import AccessControl
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, RecentLoginRequired, Role, Text, command, new_id


class InviteMember(Model):
    team_id: UUID
    email: Text
    role: Role = Role.DEVELOPER


class InvitationAccepted(InvitationView):
    """The open invitation. The link is in the e-mail only."""


@command(
    http="POST /v1/teams/{team_id}/invitations",
    permission=Permission.TEAM_MANAGE,
    status=201,
    rejects=[TeamNotFound, PersonalTeam, InvalidEmail, AlreadyMember, AlreadyInvited, TeamFull, TooManyInvitations, RecentLoginRequired],
    emits=[TeamInvitationCreated],
)
async def invite_member(
    request: InviteMember,
    teams: Teams,
    users: Users,
    invitations: Invitations,
    email_tokens: EmailTokens,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[InvitationAccepted]:
    email, now = Email(request.email), clock.now()
    await users.lock(permit.caller.user_id)  # parallel invitations are counted one after another
    access, team = await control.lock_shared_team(permit, request.team_id)
    require_may_give(access, request.role, now)
    members, open_invitations = await teams.list_members(team.id), await invitations.list_open(team.id, now)
    if any(each.email == email.address for each in members):
        raise AlreadyMember
    if len(members) + len(open_invitations) >= MAX_MEMBERS:
        raise TeamFull
    if await invitations.count_by(access.caller.user_id, now - timedelta(hours=1)) >= MAX_PER_HOUR:
        raise TooManyInvitations
    if await invitations.count_to(email, now - timedelta(days=1)) >= MAX_TO_ADDRESS_PER_DAY:
        raise TooManyInvitations("This address has got many invitations in the last day. Wait before the next one.")

    id = new_id()
    invitation, events = Invitation.create(id, team.id, email, request.role, access.caller.user_id, email_tokens.mint(id), now)
    await invitations.add(invitation)
    return Done(InvitationAccepted.of(invitation), *events, change=Change(after={"role": request.role}))
