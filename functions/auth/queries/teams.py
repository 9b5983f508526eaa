"""List your teams: the personal one first."""

from events.auth import EmailChanged
from events.teams import TeamChanged, TeamDeleted
from functions.auth.domain.rejections import (
    UnknownUser,
)
from functions.auth.domain.team import Team
from functions.auth.domain.team_views import TeamView
from functions.auth.ports import ServiceAccounts, Teams, Users
from functions.kernel import OWN_ACCOUNT, Cache, Caller, Model, Page, Role, query


class ListTeams(Model):
    pass


@query(
    http="GET /v1/teams",
    allow=OWN_ACCOUNT,
    rejects=[UnknownUser],
    cache=Cache(60, purged_by=(TeamChanged, TeamDeleted), purged_by_own=(EmailChanged,)),
    allows_service_accounts=True,
)
async def teams(request: ListTeams, teams: Teams, accounts: ServiceAccounts, users: Users, caller: Caller) -> Page[TeamView]:
    if caller.is_service_account:
        account = await accounts.find(caller.user_id)
        team = await teams.find(account.team_id) if account else None
        return Page(items=[TeamView.of(team, account.role)] if account and team else [])
    user = await users.get(caller.user_id)
    if user is None:
        raise UnknownUser
    personal = TeamView.of(Team(user.id, "", user.email, user.registered_at), Role.OWNER, is_personal=True)
    return Page(items=[personal, *(TeamView.of(team, membership.role) for team, membership in await teams.list_of(user.id))])
