"""List your API tokens, newest first.

Revoked ones are not listed. Expired ones are for seven days.
"""

from functions.auth.domain.views import ApiTokenView
from functions.auth.ports import ApiTokens
from functions.kernel import OWN_ACCOUNT, Caller, Clock, Model, Page, query


class ListTokens(Model):
    pass


@query(http="GET /v1/tokens", allow=OWN_ACCOUNT, is_session_only=True)
async def tokens(request: ListTokens, tokens: ApiTokens, caller: Caller, clock: Clock) -> Page[ApiTokenView]:
    now = clock.now()
    return Page(items=[ApiTokenView.of(each, now) for each in await tokens.list_for_user(caller.user_id)])
