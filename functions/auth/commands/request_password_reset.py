"""Request an e-mail with a link to reset a password.

The command does not look up the address; the handler of its event does. Neither its answer nor its time reveals whether
the address has an account.
"""

from pydantic import Field

from events.auth import PasswordResetRequested
from functions.auth.domain.email import Email
from functions.auth.domain.rejections import (
    InvalidEmail,
)
from functions.kernel import ANYONE, Clock, Done, Model, command


class RequestPasswordReset(Model):
    email: str = Field(examples=["ada@example.org"], max_length=320)


class PasswordResetAccepted(Model):
    message: str = "If this address has an account, an e-mail with a link is on its way."


@command(
    http="POST /v1/password-resets",
    status=202,
    allow=ANYONE,
    rejects=[InvalidEmail],
    emits=[PasswordResetRequested],
    without_operation="an operation would tell a stranger whether the address has an account: an e-mail has the outcome",
)
async def request_password_reset(request: RequestPasswordReset, clock: Clock) -> Done[PasswordResetAccepted]:
    email = Email(request.email)
    return Done(PasswordResetAccepted(), PasswordResetRequested(email=email.address, at=clock.now()))
