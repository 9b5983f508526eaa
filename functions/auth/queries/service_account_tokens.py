"""List the API tokens of a service account, newest first.

Revoked ones are not listed. Expired ones are for seven days.
"""

from uuid import UUID

from functions.auth.domain.team_rejections import PersonalTeam, ServiceAccountNotFound, TeamNotFound
from functions.auth.domain.views import ApiTokenView
from functions.auth.ports import ApiTokens, ServiceAccounts
from functions.auth.services.access_control import AccessControl
from functions.kernel import Clock, Model, Page, Permission, Permit, Scale, query


class ListServiceAccountTokens(Model):
    team_id: UUID
    service_account_id: UUID


@query(
    http="GET /v1/teams/{team_id}/service-accounts/{service_account_id}/tokens",
    permission=Permission.TEAM_MANAGE,
    rejects=[TeamNotFound, PersonalTeam, ServiceAccountNotFound],
    is_session_only=True,
    scale=Scale(max=2),
)
async def service_account_tokens(
    request: ListServiceAccountTokens, accounts: ServiceAccounts, tokens: ApiTokens, control: AccessControl, permit: Permit, clock: Clock
) -> Page[ApiTokenView]:
    access, now = await control.to_shared_team(permit, request.team_id), clock.now()
    account = await accounts.get(access, request.service_account_id)
    return Page(items=[ApiTokenView.of(each, now) for each in await tokens.list_for_user(account.id)])
