"""Rename a team."""

from uuid import UUID

from events.teams import TeamChanged
from functions.auth.domain.team_rejections import (
    PersonalTeam,
    TeamNotFound,
)
from functions.auth.domain.team_views import TeamName, TeamView
from functions.auth.ports import Teams
from functions.auth.services.access_control import AccessControl
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, command


class UpdateTeam(Model):
    team_id: UUID
    name: TeamName


@command(http="PATCH /v1/teams/{team_id}", permission=Permission.TEAM_OWN, rejects=[TeamNotFound, PersonalTeam], emits=[TeamChanged])
async def update_team(request: UpdateTeam, teams: Teams, control: AccessControl, permit: Permit, clock: Clock) -> Done[TeamView]:
    access, team = await control.lock_shared_team(permit, request.team_id)
    former = team.name
    events = team.rename(request.name, clock.now())
    await teams.save(team)
    return Done(TeamView.of(team, access.role), *events, change=Change({"name": former}, {"name": team.name}))
