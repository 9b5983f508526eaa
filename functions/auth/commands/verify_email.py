"""Verify an e-mail address and set the account's password.

The token in the e-mail proves who owns the address. Anyone may have registered it, so its password is set here: the one of
the registration again, or another one. Earlier links and sessions of the account end. E-mails are sent to the address again if it
bounced before.
"""

from pydantic import Field, SecretStr

from events.auth import AdministratorGranted, EmailVerified, SessionEnded
from events.platform import AddressUnsuppressed
from functions.auth.domain.email import Email
from functions.auth.domain.password import Password
from functions.auth.domain.rejections import (
    ExpiredVerificationToken,
    PasswordRequired,
    UnknownVerificationToken,
    UsedVerificationToken,
    WeakPassword,
)
from functions.auth.domain.session import EndReason
from functions.auth.domain.tokens import OpaqueToken, TokenPurpose
from functions.auth.ports import Administrators, Hasher, Sessions, Suppressions, Users, VerificationTokens
from functions.auth.services.address_proof import AddressProof
from functions.kernel import ANYONE, Change, Clock, Done, FieldError, Model, SecretText, command


class VerifyEmail(Model):
    token: SecretText = Field(description="The value of `token=` in the e-mailed link.")
    password: SecretText = Field(
        default=SecretStr(""),  # clients of 0.2 do not send it: they are told what is missing
        examples=["correct horse battery staple"],
        description="Required. The account's password from now on, whatever was entered at registration. 8 to 128 characters of any kind.",
    )


class VerifiedEmailView(Model):
    email: str
    email_verified: bool = True


@command(
    http="POST /v1/users/verify",
    allow=ANYONE,
    rejects=[UnknownVerificationToken, UsedVerificationToken, ExpiredVerificationToken, PasswordRequired, WeakPassword],
    emits=[EmailVerified, AdministratorGranted, SessionEnded, AddressUnsuppressed],
)
async def verify_email(
    request: VerifyEmail,
    verifications: VerificationTokens,
    users: Users,
    administrators: Administrators,
    sessions: Sessions,
    suppressions: Suppressions,
    hasher: Hasher,
    clock: Clock,
) -> Done[VerifiedEmailView]:
    now = clock.now()
    token = await verifications.lock(OpaqueToken(request.token.get_secret_value().strip()), TokenPurpose.VERIFICATION)
    user = await users.get(token.user_id) if token else None
    if token is None or user is None:
        raise UnknownVerificationToken

    token.require_valid(now)
    if not request.password.get_secret_value():
        raise PasswordRequired(errors=[FieldError("/password", "is required")])
    password = Password(request.password.get_secret_value(), owner=Email(user.email))
    events = user.verify_email(await hasher.hash(password), now)
    if administrators.includes(user.email):
        events = (*events, *user.grant_administrator(now))
    change = Change(after={"roles": user.roles}, target=f"users/{user.id}", user_id=user.id)
    await users.save(user)
    await verifications.use_all(user.id, now)
    ended = await sessions.end_all(user.id, EndReason.PASSWORD_CHANGED, now)
    lifted = await AddressProof(suppressions).lift_bounce(user.email, now)
    return Done(VerifiedEmailView(email=user.email), *events, *ended, *lifted, change=change)
