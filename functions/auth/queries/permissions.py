"""List what you may do in each of your teams."""

from functions.auth.domain.team_views import TeamPermissionsView
from functions.auth.ports import Teams
from functions.kernel import OWN_ACCOUNT, Caller, Membership, Model, Page, query


class ListPermissions(Model):
    pass


@query(http="GET /v1/me/permissions", allow=OWN_ACCOUNT)
async def permissions(request: ListPermissions, teams: Teams, caller: Caller) -> Page[TeamPermissionsView]:
    personal = TeamPermissionsView.of(Membership.personal(caller.user_id), "")
    return Page(items=[personal, *(TeamPermissionsView.of(membership, team.name) for team, membership in await teams.list_of(caller.user_id))])
