"""List the service accounts of a team with their roles."""

from uuid import UUID

from functions.auth.domain.team_rejections import PersonalTeam, TeamNotFound
from functions.auth.domain.team_views import ServiceAccountView
from functions.auth.ports import ServiceAccounts
from functions.auth.services.access_control import AccessControl
from functions.kernel import Model, Page, Permission, Permit, Scale, query


class ListServiceAccounts(Model):
    team_id: UUID


@query(http="GET /v1/teams/{team_id}/service-accounts", permission=Permission.TEAM_READ, rejects=[TeamNotFound, PersonalTeam], scale=Scale(max=2))
async def service_accounts(
    request: ListServiceAccounts, accounts: ServiceAccounts, control: AccessControl, permit: Permit
) -> Page[ServiceAccountView]:
    access = await control.to_shared_team(permit, request.team_id)
    return Page(items=[ServiceAccountView.of(each) for each in await accounts.list_of(access.team_id)])
