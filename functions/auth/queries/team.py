"""Show a team and your role in it."""

from uuid import UUID

from functions.auth.domain.team import Team
from functions.auth.domain.team_rejections import (
    TeamNotFound,
)
from functions.auth.domain.team_views import TeamView
from functions.auth.ports import Teams, Users
from functions.auth.services.access_control import AccessControl
from functions.kernel import Model, Permission, Permit, query


class ShowTeam(Model):
    team_id: UUID


@query(http="GET /v1/teams/{team_id}", permission=Permission.TEAM_READ, rejects=[TeamNotFound])
async def team(request: ShowTeam, teams: Teams, users: Users, control: AccessControl, permit: Permit) -> TeamView:
    access = await control.to_team(permit, request.team_id)
    if access.team_id != access.caller.user_id:
        return TeamView.of(await teams.get(access), access.role)
    user = await users.get(access.team_id)
    if user is None:
        raise TeamNotFound
    return TeamView.of(Team(user.id, "", user.email, user.registered_at), access.role, is_personal=True)
