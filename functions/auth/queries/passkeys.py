"""List the passkeys of your account."""

from functions.auth.domain.views import PasskeyView
from functions.auth.ports import Passkeys
from functions.kernel import OWN_ACCOUNT, Caller, Model, Page, Scale, query


class ListPasskeys(Model):
    pass


@query(http="GET /v1/users/me/passkeys", allow=OWN_ACCOUNT, is_session_only=True, scale=Scale(max=1))
async def passkeys(request: ListPasskeys, passkeys: Passkeys, caller: Caller) -> Page[PasskeyView]:
    return Page(items=[PasskeyView.of(each) for each in await passkeys.list_for_user(caller.user_id)], next=None)
