"""Change the password of your account.

Ends all other sessions and their access tokens. A wrong current password counts as a failed login of the address.
"""

import math

from pydantic import Field

from events.auth import SessionEnded
from functions.auth.domain.email import Email
from functions.auth.domain.password import Password
from functions.auth.domain.rejections import AccountLocked, UnknownUser, WeakPassword, WrongPassword
from functions.auth.domain.session import EndReason
from functions.auth.ports import Hasher, LoginFailures, Sessions, Users
from functions.kernel import Caller, Clock, Done, Model, RateClass, Rejected, SecretText, command


class ChangePassword(Model):
    current_password: SecretText = Field(examples=["correct horse battery staple"])
    password: SecretText = Field(examples=["a longer and better staple"], description="The new password. 8 to 128 characters of any kind.")


@command(
    http="PUT /v1/users/me/password",
    status=204,
    rejects=[UnknownUser, WrongPassword, WeakPassword, AccountLocked],
    emits=[SessionEnded],
    rate=RateClass.CREDENTIALS,
)
async def change_password(
    request: ChangePassword, users: Users, sessions: Sessions, failures: LoginFailures, hasher: Hasher, caller: Caller, clock: Clock
) -> Done[None] | Rejected:
    now = clock.now()
    user = await users.get(caller.user_id)
    if user is None:
        raise UnknownUser
    email = Email(user.email)
    password = Password(request.password.get_secret_value(), owner=email)

    failed_logins = await failures.lock(email)
    if remaining := failed_logins.remaining_lock(now):
        raise AccountLocked(retry_after=math.ceil(remaining.total_seconds()))
    if not await hasher.matches(user.password_hash, request.current_password.get_secret_value()):
        failed_logins.add(now)
        await failures.save(failed_logins)
        return Rejected(WrongPassword())
    failed_logins.clear()
    await failures.save(failed_logins)

    user.change_password(await hasher.hash(password), now)
    await users.save(user)
    ended = await sessions.end_all(user.id, EndReason.PASSWORD_CHANGED, now, kept=caller.session_id)
    return Done(None, *ended)
