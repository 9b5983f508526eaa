"""Cancel the pending change of your e-mail address.

Idempotent.
"""

from functions.auth.ports import EmailChanges
from functions.kernel import OWN_ACCOUNT, Caller, Done, Model, command


class CancelEmailChange(Model):
    pass


@command(http="DELETE /v1/users/me/email-change", allow=OWN_ACCOUNT, status=204)
async def cancel_email_change(request: CancelEmailChange, changes: EmailChanges, caller: Caller) -> Done[None]:
    await changes.delete(caller.user_id)
    return Done(None)
