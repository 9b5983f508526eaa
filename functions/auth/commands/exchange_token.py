"""Exchange an API token for an access token.

For the gateway, which keeps the access token until it expires. The access token has the scopes of the API token and carries its
id as its session id, so `session.ended` has it refused everywhere once the API token is revoked.
"""

from functions.auth.domain.rejections import (
    InvalidApiToken,
)
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.ports import AccessTokenIssuer, ApiTokens, ServiceAccounts, Users
from functions.kernel import ANYONE, Clock, Done, Model, SecretText, command

UNKNOWN = "The API token is unknown. Create another one: capsule tokens create, or capsule service-accounts create-token."


class ExchangeToken(Model):
    token: SecretText


class ExchangedTokenView(Model):
    access_token: str
    expires_in: int
    """Seconds."""


@command(allow=ANYONE, rejects=[InvalidApiToken], has_secret_response=True)
async def exchange_token(
    request: ExchangeToken, tokens: ApiTokens, users: Users, accounts: ServiceAccounts, access_tokens: AccessTokenIssuer, clock: Clock
) -> Done[ExchangedTokenView]:
    now = clock.now()
    token = await tokens.lock_by_hash(OpaqueToken(request.token.get_secret_value()))
    if token is None:
        raise InvalidApiToken(UNKNOWN)
    if token.is_of_service_account:
        account = await accounts.find(token.user_id)
        if account is None or account.deleted_at is not None:
            raise InvalidApiToken("The service account of the API token was deleted. Create another one: capsule service-accounts create.")
        if account.disabled_at is not None:
            raise InvalidApiToken(f'The service account "{account.name}" is disabled. Enable it: capsule service-accounts enable.')
        access = access_tokens.issue_for_service_account(account, token.grant, now)
    else:
        user = await users.get(token.user_id)
        if user is None:
            raise InvalidApiToken(UNKNOWN)
        if user.suspended_at is not None:
            raise InvalidApiToken("The account of the API token is suspended by an administrator.")
        access = access_tokens.issue(user, token.grant, now)
    if token.use(now):
        await tokens.save(token)
    return Done(ExchangedTokenView(access_token=access.text, expires_in=access.expires_in_seconds))
