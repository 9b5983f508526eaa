"""Send e-mails to your address again.

For a mailbox that works again. If the next e-mail bounces, the address is suppressed again. Once within 24 hours; a complaint is lifted by
administrators only.
"""

from events.platform import AddressUnsuppressed
from functions.auth.domain.email_delivery import LIFT_INTERVAL, AddressNotSuppressed, ComplaintStands, EmailDeliveryView, LiftedRecently
from functions.auth.domain.rejections import UnknownUser
from functions.auth.ports import Suppressions, Users
from functions.kernel import OWN_ACCOUNT, Caller, Change, Clock, Done, Model, Scale, command
from functions.wire.email_suppression import SuppressionReason


class LiftOwnSuppression(Model):
    pass


@command(
    http="DELETE /v1/users/me/email-suppression",
    allow=OWN_ACCOUNT,
    is_session_only=True,
    rejects=[UnknownUser, AddressNotSuppressed, ComplaintStands, LiftedRecently],
    emits=[AddressUnsuppressed],
    scale=Scale(max=1),
)
async def lift_own_suppression(
    request: LiftOwnSuppression, users: Users, suppressions: Suppressions, caller: Caller, clock: Clock
) -> Done[EmailDeliveryView]:
    user, now = await users.get(caller.user_id), clock.now()
    if user is None:
        raise UnknownUser
    found = await suppressions.find(user.email)
    if found is None:
        raise AddressNotSuppressed
    if found.reason is SuppressionReason.COMPLAINT:
        raise ComplaintStands
    lifted_at = await suppressions.find_lifted_at(user.email)
    if lifted_at is not None and now - lifted_at < LIFT_INTERVAL:
        raise LiftedRecently(retry_after=int((lifted_at + LIFT_INTERVAL - now).total_seconds()))
    at = found.lifting_time(now)
    await suppressions.lift(user.email, at)
    change = Change({"suppressed": user.email, "reason": found.reason}, {"suppressed": None}, is_personal=True)
    view = EmailDeliveryView.of(user.email, await suppressions.find(user.email))
    return Done(view, AddressUnsuppressed(address=user.email, at=at), change=change)
