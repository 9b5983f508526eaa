"""List your teams: the personal one first."""

from events.auth import EmailChanged
from events.teams import TeamChanged, TeamDeleted
from functions.auth.domain.rejections import (
    UnknownUser,
)
from functions.auth.domain.team import Team
from functions.auth.domain.team_views import TeamView
from functions.auth.ports import Teams, Users
from functions.kernel import OWN_ACCOUNT, Cache, Caller, Model, Page, Role, query


class ListTeams(Model):
    pass


@query(
    http="GET /v1/teams",
    allow=OWN_ACCOUNT,
    rejects=[UnknownUser],
    cache=Cache(60, purged_by=(TeamChanged, TeamDeleted), purged_by_own=(EmailChanged,)),
)
async def teams(request: ListTeams, teams: Teams, users: Users, caller: Caller) -> Page[TeamView]:
    user = await users.get(caller.user_id)
    if user is None:
        raise UnknownUser
    personal = TeamView.of(Team(user.id, "", user.email, user.registered_at), Role.OWNER, is_personal=True)
    return Page(items=[personal, *(TeamView.of(team, membership.role) for team, membership in await teams.list_of(user.id))])
