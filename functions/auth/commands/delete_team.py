"""Delete a team that has no applications.

Ends all memberships and invitations. What is owed for its plan is on a final invoice. Irreversible.
"""

from uuid import UUID

from events.auth import ApiTokenRevoked, SessionEnded
from events.teams import ServiceAccountDeleted, TeamDeleted, TeamMembershipChanged
from functions.auth.domain.team import Roster
from functions.auth.domain.team_rejections import (
    PersonalTeam,
    TeamNotEmpty,
    TeamNotFound,
)
from functions.auth.ports import Teams
from functions.auth.services.access_control import AccessControl
from functions.auth.services.service_account_tokens import ServiceAccountTokens
from functions.kernel import Clock, Done, Model, Permission, Permit, command


class DeleteTeam(Model):
    team_id: UUID


@command(
    http="DELETE /v1/teams/{team_id}",
    permission=Permission.TEAM_OWN,
    status=204,
    rejects=[TeamNotFound, PersonalTeam, TeamNotEmpty],
    emits=[ApiTokenRevoked, ServiceAccountDeleted, SessionEnded, TeamDeleted, TeamMembershipChanged],
    needs_recent_login=True,
)
async def delete_team(
    request: DeleteTeam, teams: Teams, service_accounts: ServiceAccountTokens, control: AccessControl, permit: Permit, clock: Clock
) -> Done[None]:
    now = clock.now()
    _, team = await control.lock_shared_team(permit, request.team_id)
    if applications := await teams.list_applications(team.id):
        raise TeamNotEmpty(
            f"The team {team.name} has {len(applications)} applications. Delete them, or move them to another team: capsule apps transfer."
        )
    events = (*await service_accounts.delete_all(team.id, now), *team.delete(Roster.of(await teams.list_members(team.id)), now))
    await teams.delete(team.id)
    return Done(None, *events)
