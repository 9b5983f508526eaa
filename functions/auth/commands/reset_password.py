"""Set a new password with the link of an e-mail.

The link proves who reads the address, so it verifies the address too. All sessions and all other links of the account end,
a pending change of the address is cancelled, and a lock after failed logins is lifted. E-mails are sent to the address again if it
bounced before, and it gets a notice.
"""

from pydantic import Field

from events.auth import EmailVerified, PasswordChanged, SessionEnded
from events.platform import AddressUnsuppressed
from functions.auth.domain.email import Email
from functions.auth.domain.password import Password
from functions.auth.domain.rejections import (
    AccountLocked,
    ExpiredLink,
    UnknownLink,
    UsedLink,
    WeakPassword,
)
from functions.auth.domain.session import EndReason
from functions.auth.domain.tokens import OpaqueToken, TokenPurpose
from functions.auth.ports import EmailChanges, Hasher, LoginFailures, Sessions, Suppressions, Users, VerificationTokens
from functions.auth.services.address_proof import AddressProof
from functions.kernel import ANYONE, Change, Clock, Done, Model, SecretText, command


class ResetPassword(Model):
    token: SecretText = Field(description="The value of `token=` in the e-mailed link.")
    password: SecretText = Field(examples=["a longer and better staple"], description="The new password. 8 to 128 characters of any kind.")


class PasswordResetView(Model):
    email: str


@command(
    http="POST /v1/password-resets/complete",
    allow=ANYONE,
    rejects=[UnknownLink, UsedLink, ExpiredLink, WeakPassword, AccountLocked],
    emits=[EmailVerified, PasswordChanged, SessionEnded, AddressUnsuppressed],
)
async def reset_password(
    request: ResetPassword,
    tokens: VerificationTokens,
    users: Users,
    sessions: Sessions,
    failures: LoginFailures,
    changes: EmailChanges,
    suppressions: Suppressions,
    hasher: Hasher,
    clock: Clock,
) -> Done[PasswordResetView]:
    now = clock.now()
    token = await tokens.lock(OpaqueToken(request.token.get_secret_value().strip()), TokenPurpose.PASSWORD_RESET)
    user = await users.get(token.user_id) if token else None
    if token is None or user is None:
        raise UnknownLink
    token.require_valid(now)
    email = Email(user.email)
    password = Password(request.password.get_secret_value(), owner=email)

    failed_logins = await failures.lock(email)
    failed_logins.clear()
    await failures.save(failed_logins)
    events = user.reset_password(await hasher.hash(password), now)
    await users.save(user)
    await tokens.use_all(user.id, now)
    await changes.delete(user.id)
    ended = await sessions.end_all(user.id, EndReason.PASSWORD_CHANGED, now)
    lifted = await AddressProof(suppressions).lift_bounce(user.email, now)
    change = Change(target=f"users/{user.id}/password", user_id=user.id)
    return Done(PasswordResetView(email=user.email), *events, *ended, *lifted, change=change)
