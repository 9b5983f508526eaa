"""Create an API token of a service account.

The answer has the token, which is shown once. Whoever creates it may give the account's role.
"""

from uuid import UUID

from pydantic import Field

from events.auth import ApiTokenCreated
from functions.auth.domain.api_token import MAX_LIFETIME_DAYS, ApiToken, ApiTokenName
from functions.auth.domain.rejections import InvalidTokenScopes, TokenNameTaken, TooManyTokens
from functions.auth.domain.team_rejections import DisabledServiceAccount, PersonalTeam, ServiceAccountNotFound, TeamNotFound
from functions.auth.domain.views import ApiTokenView
from functions.auth.ports import ApiTokens, ServiceAccounts
from functions.auth.services.access_control import AccessControl
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, Scale, Scope, command


class CreateServiceAccountToken(Model):
    team_id: UUID
    service_account_id: UUID
    name: ApiTokenName = Field(examples=["github-actions"], description="Unique among the tokens of the service account.")
    scopes: list[Scope] = Field(
        min_length=1,
        max_length=len(Scope),
        examples=[["read", "deploy"]],
        description="`read`: every query. `deploy`, `monitor`, `billing`: the commands of that context, as far as the account's role allows.",
    )
    expires_in_days: int = Field(default=90, ge=1, le=MAX_LIFETIME_DAYS)


class CreatedServiceAccountTokenView(ApiTokenView):
    token: str = Field(description="The API token. It is not stored: copy it now.")


@command(
    http="POST /v1/teams/{team_id}/service-accounts/{service_account_id}/tokens",
    permission=Permission.TEAM_MANAGE,
    status=201,
    rejects=[
        *(TeamNotFound, PersonalTeam, ServiceAccountNotFound, DisabledServiceAccount),
        *(InvalidTokenScopes, TokenNameTaken, TooManyTokens),
    ],
    emits=[ApiTokenCreated],
    has_secret_response=True,
    needs_recent_login=True,
    scale=Scale(max=2),
)
async def create_service_account_token(
    request: CreateServiceAccountToken, accounts: ServiceAccounts, tokens: ApiTokens, control: AccessControl, permit: Permit, clock: Clock
) -> Done[CreatedServiceAccountTokenView]:
    now = clock.now()
    access, _ = await control.lock_shared_team(permit, request.team_id)
    account = await accounts.get(access, request.service_account_id)
    account.require_may_use(access, now)
    token, text, events = ApiToken.create_for_service_account(
        account, permit.caller.user_id, request.name, request.scopes, request.expires_in_days, now
    )
    await tokens.add(token)
    created = {"token_id": token.id, "scopes": token.scopes, "expires_at": token.expires_at}
    return Done(CreatedServiceAccountTokenView(**dict(ApiTokenView.of(token, now)), token=text.text), *events, change=Change(after=created))
