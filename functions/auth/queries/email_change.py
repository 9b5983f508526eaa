"""Show the pending change of your e-mail address."""

from functions.auth.domain.rejections import (
    NoEmailChange,
)
from functions.auth.domain.views import EmailChangeView
from functions.auth.ports import EmailChanges
from functions.kernel import OWN_ACCOUNT, Caller, Clock, Model, query


class ShowEmailChange(Model):
    pass


@query(http="GET /v1/users/me/email-change", allow=OWN_ACCOUNT, rejects=[NoEmailChange], is_session_only=True)
async def email_change(request: ShowEmailChange, changes: EmailChanges, caller: Caller, clock: Clock) -> EmailChangeView:
    change = await changes.get(caller.user_id)
    if change is None or not change.is_pending(clock.now()):
        raise NoEmailChange
    return EmailChangeView.of(change)
