"""Confirm your identity before a sensitive action.

Needs a code if the account has a second factor, and the password if it has none. The access token of the answer counts as a
recent sign-in for ten minutes.
"""

from pydantic import Field, SecretStr

from events.auth import RecoveryCodeUsed
from functions.auth.domain.rejections import (
    AccountLocked,
    FactorRequired,
    SessionNotFound,
    UnknownUser,
    WrongCode,
    WrongPassword,
)
from functions.auth.domain.session import PASSWORD_ONLY, Method
from functions.auth.ports import AccessTokenIssuer, Sessions, Users
from functions.auth.services.code_check import CodeCheck
from functions.auth.services.password_check import PasswordCheck
from functions.kernel import OWN_ACCOUNT, Caller, Clock, Done, FieldError, Model, Rejected, SecretText, command


class ConfirmIdentity(Model):
    password: SecretText | None = None
    code: SecretText | None = Field(default=None, examples=["123456"], description="Of the authenticator application, or a recovery code.")


class ConfirmedIdentityView(Model):
    access_token: str = Field(description="Replaces the access token of this session. The refresh token stays.")
    token_type: str = "Bearer"
    expires_in: int = Field(description="Seconds until the access token expires.", examples=[900])


@command(
    http="POST /v1/sessions/current/confirmation",
    allow=OWN_ACCOUNT,
    rejects=[UnknownUser, SessionNotFound, FactorRequired, WrongPassword, WrongCode, AccountLocked],
    emits=[RecoveryCodeUsed],
    has_secret_response=True,
)
async def confirm_identity(
    request: ConfirmIdentity,
    users: Users,
    sessions: Sessions,
    check: PasswordCheck,
    codes: CodeCheck,
    access_tokens: AccessTokenIssuer,
    caller: Caller,
    clock: Clock,
) -> Done[ConfirmedIdentityView] | Rejected:
    now = clock.now()
    user = await users.get(caller.user_id)
    if user is None:
        raise UnknownUser
    session = await sessions.lock(caller.session_id) if caller.session_id else None
    if session is None or session.user_id != user.id or not session.is_active(now):
        raise SessionNotFound

    if await codes.is_required(user):
        used = await codes.confirms(user, _value(request.code, "code"), now)
        if used is None:
            return Rejected(WrongCode())
        session.confirm_identity(frozenset({Method.CODE}), now)
    else:
        if not user.has_password:
            raise FactorRequired("The account has no password. Sign in with the provider again.")
        if not await check.confirms(user, _value(request.password, "password"), now):
            return Rejected(WrongPassword())
        used = ()
        session.confirm_identity(PASSWORD_ONLY, now)
    await sessions.save(session)
    access = access_tokens.issue(user, session.grant, now)
    return Done(ConfirmedIdentityView(access_token=access.text, expires_in=access.expires_in_seconds), *used)


def _value(field: SecretStr | None, name: str) -> str:
    """Raises FactorRequired."""
    if field is None or not field.get_secret_value():
        raise FactorRequired(errors=[FieldError(f"/{name}", "is required")])
    return field.get_secret_value()
