"""List the open invitations to a team, newest first."""

from uuid import UUID

from functions.auth.domain.team_rejections import (
    PersonalTeam,
    TeamNotFound,
)
from functions.auth.domain.team_views import InvitationView
from functions.auth.ports import Invitations
from functions.auth.services.access_control import AccessControl
from functions.kernel import Clock, Model, Page, Permission, Permit, query


class ListInvitations(Model):
    team_id: UUID


@query(http="GET /v1/teams/{team_id}/invitations", permission=Permission.TEAM_MANAGE, rejects=[TeamNotFound, PersonalTeam])
async def invitations(
    request: ListInvitations, invitations: Invitations, control: AccessControl, permit: Permit, clock: Clock
) -> Page[InvitationView]:
    access = await control.to_shared_team(permit, request.team_id)
    return Page(items=[InvitationView.of(each) for each in await invitations.list_open(access.team_id, clock.now())])
