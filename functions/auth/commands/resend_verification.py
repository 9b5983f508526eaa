"""Somebody who did not get the verification mail asks for another.

Nothing is looked up here: the handler of the event does that, so that neither answer nor time tells whether the address has an account.
"""

from pydantic import Field

from events.auth import EmailVerificationRequested
from functions.auth.domain.email import Email
from functions.auth.domain.rejections import InvalidEmail
from functions.kernel import ANYONE, Clock, Done, Model, command


class ResendVerification(Model):
    email: str = Field(examples=["ada@example.org"], max_length=320)


class MailRequested(Model):
    message: str = "If this address waits to be verified, a mail is on its way to it."


@command(
    http="POST /v1/users/verification-mails",
    answers=202,
    allow=ANYONE,
    rejects=[InvalidEmail],
    emits=[EmailVerificationRequested],
)
async def resend_verification(asked: ResendVerification, clock: Clock) -> Done[MailRequested]:
    email = Email(asked.email)
    return Done(MailRequested(), EmailVerificationRequested(email=email.address, at=clock.now()))
