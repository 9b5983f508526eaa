"""Verify an e-mail address with the e-mailed token."""

from pydantic import Field, SecretStr

from events.auth import EmailVerified
from functions.auth.domain.rejections import ExpiredVerificationToken, UnknownVerificationToken, UsedVerificationToken
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.ports import Users, VerificationTokens
from functions.kernel import ANYONE, Clock, Done, Model, command


class VerifyEmail(Model):
    token: SecretStr = Field(description="The value of `token=` in the e-mailed link.")


class VerifiedEmailView(Model):
    email: str
    email_verified: bool = True


@command(
    http="POST /v1/users/verify",
    allow=ANYONE,
    rejects=[UnknownVerificationToken, UsedVerificationToken, ExpiredVerificationToken],
    emits=[EmailVerified],
)
async def verify_email(request: VerifyEmail, verifications: VerificationTokens, users: Users, clock: Clock) -> Done[VerifiedEmailView]:
    now = clock.now()
    token = await verifications.lock(OpaqueToken(request.token.get_secret_value().strip()))
    user = await users.get(token.user_id) if token else None
    if token is None or user is None:
        raise UnknownVerificationToken

    token.use(now)
    await verifications.save(token)
    events = user.verify_email(now)
    if events:
        await users.save(user)
    return Done(VerifiedEmailView(email=user.email), *events)
