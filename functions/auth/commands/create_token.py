"""Create an API token for a program.

The answer has the token, which is shown once. A program sends it as an access token: `Authorization: Bearer capsule_pat_…`.
"""

from pydantic import Field

from events.auth import ApiTokenCreated
from functions.auth.domain.api_token import MAX_LIFETIME_DAYS, ApiToken, ApiTokenName
from functions.auth.domain.rejections import (
    InvalidTokenScopes,
    TokenNameTaken,
    TooManyTokens,
    UnknownUser,
)
from functions.auth.domain.views import ApiTokenView
from functions.auth.ports import ApiTokens, Users
from functions.kernel import OWN_ACCOUNT, Caller, Change, Clock, Done, Model, Scope, command


class CreateToken(Model):
    name: ApiTokenName = Field(examples=["github-actions"], description="What it is for. Unique among the tokens of the account.")
    scopes: list[Scope] = Field(
        min_length=1,
        max_length=len(Scope),
        examples=[["read", "deploy"]],
        description="`read`: every query. `deploy`, `monitor`, `billing`: the commands of that context. `admin`: what needs the role admin.",
    )
    expires_in_days: int = Field(default=90, ge=1, le=MAX_LIFETIME_DAYS)


class CreatedTokenView(ApiTokenView):
    token: str = Field(description="The API token. It is not stored: copy it now.")


@command(
    http="POST /v1/tokens",
    allow=OWN_ACCOUNT,
    status=201,
    rejects=[UnknownUser, InvalidTokenScopes, TokenNameTaken, TooManyTokens],
    emits=[ApiTokenCreated],
    has_secret_response=True,
    needs_recent_login=True,
)
async def create_token(request: CreateToken, users: Users, tokens: ApiTokens, caller: Caller, clock: Clock) -> Done[CreatedTokenView]:
    user = await users.get(caller.user_id)
    if user is None:
        raise UnknownUser
    token, text, events = ApiToken.create(user, request.name, request.scopes, request.expires_in_days, clock.now())
    await tokens.add(token)
    created = {"token_id": token.id, "scopes": token.scopes, "expires_at": token.expires_at}
    return Done(CreatedTokenView(**dict(ApiTokenView.of(token, clock.now())), token=text.text), *events, change=Change(after=created))
