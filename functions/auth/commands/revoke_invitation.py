"""Revoke an open invitation to a team."""

from uuid import UUID

from events.teams import TeamInvitationRevoked
from functions.auth.domain.team_rejections import (
    InvitationNotFound,
    PersonalTeam,
    TeamNotFound,
)
from functions.auth.ports import Invitations
from functions.auth.services.access_control import AccessControl
from functions.kernel import Clock, Done, Model, Permission, Permit, command


class RevokeInvitation(Model):
    team_id: UUID
    invitation_id: UUID


@command(
    http="DELETE /v1/teams/{team_id}/invitations/{invitation_id}",
    permission=Permission.TEAM_MANAGE,
    status=204,
    rejects=[TeamNotFound, PersonalTeam, InvitationNotFound],
    emits=[TeamInvitationRevoked],
)
async def revoke_invitation(request: RevokeInvitation, invitations: Invitations, control: AccessControl, permit: Permit, clock: Clock) -> Done[None]:
    _, team = await control.lock_shared_team(permit, request.team_id)
    invitation = await invitations.lock(request.invitation_id)
    if invitation is None or invitation.team_id != team.id:
        raise InvitationNotFound
    await invitations.delete(invitation.id)
    return Done(None, *invitation.revoke(clock.now()))
