"""List what you may do in each of your teams."""

from events.teams import TeamChanged, TeamDeleted
from functions.auth.domain.team_views import TeamPermissionsView
from functions.auth.ports import Teams
from functions.kernel import OWN_ACCOUNT, Cache, Caller, Membership, Model, Page, query


class ListPermissions(Model):
    pass


@query(http="GET /v1/me/permissions", allow=OWN_ACCOUNT, cache=Cache(60, purged_by=(TeamChanged, TeamDeleted)))
async def permissions(request: ListPermissions, teams: Teams, caller: Caller) -> Page[TeamPermissionsView]:
    personal = TeamPermissionsView.of(Membership.personal(caller.user_id), "")
    return Page(items=[personal, *(TeamPermissionsView.of(membership, team.name) for team, membership in await teams.list_of(caller.user_id))])
