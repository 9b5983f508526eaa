"""Show whether e-mails reach the address of your account."""

from functions.auth.domain.email_delivery import EmailDeliveryView
from functions.auth.domain.rejections import UnknownUser
from functions.auth.ports import Suppressions, Users
from functions.kernel import OWN_ACCOUNT, Caller, Model, Scale, query


class ShowEmailDelivery(Model):
    pass


@query(http="GET /v1/users/me/email-delivery", allow=OWN_ACCOUNT, is_session_only=True, rejects=[UnknownUser], scale=Scale(max=2))
async def email_delivery(request: ShowEmailDelivery, users: Users, suppressions: Suppressions, caller: Caller) -> EmailDeliveryView:
    user = await users.get(caller.user_id)
    if user is None:
        raise UnknownUser
    return EmailDeliveryView.of(user.email, await suppressions.find(user.email))
