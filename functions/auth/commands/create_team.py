"""Create a team.

You are its owner. It has its own plan, quota and bills, and its applications are separate from yours.
"""

from events.teams import TeamChanged, TeamMembershipChanged
from functions.auth.domain.rejections import (
    UnknownUser,
)
from functions.auth.domain.team import CREATION_WINDOW, MAX_CREATED, MAX_CREATED_IN_WINDOW, MAX_TEAMS, Team
from functions.auth.domain.team_rejections import (
    TooManyTeams,
)
from functions.auth.domain.team_views import TeamName, TeamView
from functions.auth.ports import Teams, Users
from functions.kernel import OWN_ACCOUNT, Caller, Clock, Done, Model, command


class CreateTeam(Model):
    name: TeamName


class CreatedTeamView(TeamView):
    pass


@command(
    http="POST /v1/teams",
    allow=OWN_ACCOUNT,
    status=201,
    rejects=[UnknownUser, TooManyTeams],
    emits=[TeamChanged, TeamMembershipChanged],
)
async def create_team(request: CreateTeam, users: Users, teams: Teams, caller: Caller, clock: Clock) -> Done[CreatedTeamView]:
    user, now = await users.lock(caller.user_id), clock.now()
    if user is None:
        raise UnknownUser
    if len(await teams.list_of(user.id)) >= MAX_TEAMS:
        raise TooManyTeams
    if await teams.count_created(user.id) >= MAX_CREATED:
        raise TooManyTeams(f"You have created {MAX_CREATED} teams, as many as a user may have. Delete one first.")
    if await teams.count_created(user.id, since=now - CREATION_WINDOW) >= MAX_CREATED_IN_WINDOW:
        raise TooManyTeams(f"You have created {MAX_CREATED_IN_WINDOW} teams in {CREATION_WINDOW.days} days. Wait before the next one.")
    team, owner, events = Team.create(request.name, user, now)
    await teams.add(team, owner)
    return Done(CreatedTeamView.of(team, owner.role), *events)
