"""Send the verification e-mail again.

The command does not look up the address; the handler of its event does. Neither its answer nor its time reveals whether
the address has an account.
"""

from pydantic import Field

from events.auth import EmailVerificationRequested
from functions.auth.domain.email import Email
from functions.auth.domain.rejections import (
    InvalidEmail,
)
from functions.kernel import ANYONE, Clock, Done, Model, command


class ResendVerification(Model):
    email: str = Field(examples=["ada@example.org"], max_length=320)


class VerificationEmailAccepted(Model):
    message: str = "If this address has an unverified account, an e-mail is on its way."


@command(
    http="POST /v1/users/verification-emails",
    status=202,
    allow=ANYONE,
    rejects=[InvalidEmail],
    emits=[EmailVerificationRequested],
    without_operation="an operation would tell a stranger whether the address has an account: an e-mail has the outcome",
)
async def resend_verification(request: ResendVerification, clock: Clock) -> Done[VerificationEmailAccepted]:
    email = Email(request.email)
    return Done(VerificationEmailAccepted(), EmailVerificationRequested(email=email.address, at=clock.now()))
