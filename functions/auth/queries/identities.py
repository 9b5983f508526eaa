"""List the identities that are linked to your account."""

from functions.auth.domain.views import IdentityView
from functions.auth.ports import Identities
from functions.kernel import OWN_ACCOUNT, Caller, Model, Page, Scale, query


class ListIdentities(Model):
    pass


@query(http="GET /v1/users/me/identities", allow=OWN_ACCOUNT, is_session_only=True, scale=Scale(max=1))
async def identities(request: ListIdentities, identities: Identities, caller: Caller) -> Page[IdentityView]:
    return Page(items=[IdentityView.of(each) for each in await identities.list_for_user(caller.user_id)], next=None)
