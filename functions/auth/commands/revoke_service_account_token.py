"""Revoke an API token of a service account.

It is refused within a second. Idempotent.
"""

from uuid import UUID

from events.auth import ApiTokenRevoked, SessionEnded
from functions.auth.domain.rejections import TokenNotFound
from functions.auth.domain.team_rejections import PersonalTeam, ServiceAccountNotFound, TeamNotFound
from functions.auth.ports import ApiTokens, ServiceAccounts
from functions.auth.services.access_control import AccessControl
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, Scale, command


class RevokeServiceAccountToken(Model):
    team_id: UUID
    service_account_id: UUID
    token_id: UUID


@command(
    http="DELETE /v1/teams/{team_id}/service-accounts/{service_account_id}/tokens/{token_id}",
    permission=Permission.TEAM_MANAGE,
    status=204,
    rejects=[TeamNotFound, PersonalTeam, ServiceAccountNotFound, TokenNotFound],
    emits=[ApiTokenRevoked, SessionEnded],
    scale=Scale(max=2),
)
async def revoke_service_account_token(
    request: RevokeServiceAccountToken, accounts: ServiceAccounts, tokens: ApiTokens, control: AccessControl, permit: Permit, clock: Clock
) -> Done[None]:
    access, _ = await control.lock_shared_team(permit, request.team_id)
    account = await accounts.get(access, request.service_account_id)
    token = await tokens.lock(request.token_id)
    if token is None or token.user_id != account.id:
        raise TokenNotFound
    if events := token.revoke(clock.now()):
        await tokens.save(token)
    return Done(None, *events, change=Change(before={"token_id": token.id, "scopes": token.scopes}))
