"""Revoke one of your API tokens.

It is refused within a second. Idempotent.
"""

from uuid import UUID

from events.auth import ApiTokenRevoked, SessionEnded
from functions.auth.domain.rejections import (
    TokenNotFound,
)
from functions.auth.ports import ApiTokens
from functions.kernel import OWN_ACCOUNT, Caller, Change, Clock, Done, Model, command


class RevokeToken(Model):
    token_id: UUID


@command(http="DELETE /v1/tokens/{token_id}", allow=OWN_ACCOUNT, status=204, rejects=[TokenNotFound], emits=[ApiTokenRevoked, SessionEnded])
async def revoke_token(request: RevokeToken, tokens: ApiTokens, caller: Caller, clock: Clock) -> Done[None]:
    token = await tokens.lock(request.token_id)
    if token is None or token.user_id != caller.user_id:
        raise TokenNotFound
    events = token.revoke(clock.now())
    if events:
        await tokens.save(token)
    return Done(None, *events, change=Change(before={"token_id": token.id, "scopes": token.scopes}))
