"""List what you may do in each of your teams."""

from events.teams import TeamChanged, TeamDeleted
from functions.auth.domain.team_views import TeamPermissionsView
from functions.auth.ports import ServiceAccounts, Teams
from functions.kernel import OWN_ACCOUNT, Cache, Caller, Membership, Model, Page, query


class ListPermissions(Model):
    pass


@query(
    http="GET /v1/me/permissions",
    allow=OWN_ACCOUNT,
    cache=Cache(60, purged_by=(TeamChanged, TeamDeleted)),
    allows_service_accounts=True,
    needs_scope=False,
)
async def permissions(request: ListPermissions, teams: Teams, accounts: ServiceAccounts, caller: Caller) -> Page[TeamPermissionsView]:
    if caller.is_service_account:
        account = await accounts.find(caller.user_id)
        team = await teams.find(account.team_id) if account else None
        return Page(items=[TeamPermissionsView.of(account.membership, team.name)] if account and team else [])
    personal = TeamPermissionsView.of(Membership.personal(caller.user_id), "")
    return Page(items=[personal, *(TeamPermissionsView.of(membership, team.name) for team, membership in await teams.list_of(caller.user_id))])
