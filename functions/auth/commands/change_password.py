"""Change the password of your account.

Ends all other sessions and their access tokens, and sends a notice to the address. A wrong current password counts as a
failed login of the address. With a second factor the sign-in must be recent, so that a stolen session does not suffice.
"""

from pydantic import Field

from events.auth import PasswordChanged, SessionEnded
from functions.auth.domain.email import Email
from functions.auth.domain.password import Password
from functions.auth.domain.rejections import (
    AccountLocked,
    UnknownUser,
    WeakPassword,
    WrongPassword,
)
from functions.auth.domain.session import EndReason
from functions.auth.ports import Hasher, Sessions, Users
from functions.auth.services.code_check import CodeCheck
from functions.auth.services.password_check import PasswordCheck
from functions.kernel import OWN_ACCOUNT, Caller, Clock, Done, Model, RateClass, RecentLoginRequired, Rejected, SecretText, command


class ChangePassword(Model):
    current_password: SecretText = Field(examples=["correct horse battery staple"])
    password: SecretText = Field(examples=["a longer and better staple"], description="The new password. 8 to 128 characters of any kind.")


@command(
    http="PUT /v1/users/me/password",
    allow=OWN_ACCOUNT,
    status=204,
    rejects=[UnknownUser, WrongPassword, WeakPassword, AccountLocked, RecentLoginRequired],
    emits=[PasswordChanged, SessionEnded],
    rate=RateClass.CREDENTIALS,
)
async def change_password(
    request: ChangePassword,
    users: Users,
    sessions: Sessions,
    check: PasswordCheck,
    codes: CodeCheck,
    hasher: Hasher,
    caller: Caller,
    clock: Clock,
) -> Done[None] | Rejected:
    now = clock.now()
    user = await users.get(caller.user_id)
    if user is None:
        raise UnknownUser
    await codes.require_recent_login(user, caller, now)
    password = Password(request.password.get_secret_value(), owner=Email(user.email))

    if not await check.confirms(user, request.current_password.get_secret_value(), now):
        return Rejected(WrongPassword())

    events = user.change_password(await hasher.hash(password), now)
    await users.save(user)
    ended = await sessions.end_all(user.id, EndReason.PASSWORD_CHANGED, now, kept=caller.session_id)
    return Done(None, *events, *ended)
