"""Sign in with a code: the second step of a sign-in.

The first step is the password or a provider. A wrong code counts as a failed login of the address. A recovery code works in place of a code, once.
"""

from pydantic import Field

from events.auth import AdministratorGranted, RecoveryCodeUsed, UserLoggedIn
from functions.auth.domain.rejections import (
    AccountLocked,
    AccountSuspended,
    InvalidChallenge,
    WrongCode,
)
from functions.auth.domain.session import Method
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.domain.views import SessionView
from functions.auth.ports import Administrators, LoginChallenges, Users
from functions.auth.services.code_check import CodeCheck
from functions.auth.services.session_tokens import SessionTokens
from functions.kernel import ANYONE, Change, Client, Clock, Done, Model, Rejected, SecretText, command


class LoginSecondFactor(Model):
    challenge: SecretText = Field(description="Of the answer `second-factor-required` to the sign-in.")
    code: SecretText = Field(examples=["123456"], description="Of the authenticator application, or a recovery code.")


@command(
    http="POST /v1/sessions/second-factor",
    status=201,
    allow=ANYONE,
    rejects=[InvalidChallenge, WrongCode, AccountLocked, AccountSuspended],
    emits=[AdministratorGranted, UserLoggedIn, RecoveryCodeUsed],
    has_secret_response=True,
)
async def login_second_factor(
    request: LoginSecondFactor,
    challenges: LoginChallenges,
    users: Users,
    administrators: Administrators,
    codes: CodeCheck,
    tokens: SessionTokens,
    client: Client,
    clock: Clock,
) -> Done[SessionView] | Rejected:
    now = clock.now()
    first_step = challenges.verify(OpaqueToken(request.challenge.get_secret_value()), now)
    user = await users.get(first_step.user_id) if first_step else None
    if first_step is None or user is None:
        raise InvalidChallenge
    used = await codes.confirms(user, request.code.get_secret_value(), now)
    if used is None:
        return Rejected(WrongCode(), change=Change(target="sessions", user_id=user.id))
    granted = user.grant_administrator(now) if first_step.may_grant_administrator and administrators.includes(user.email) else ()
    if granted:
        await users.save(user)
    view, events = await tokens.start(user, client, frozenset({first_step.method, Method.CODE}), now)
    roles = {"roles": user.roles} if granted else None
    return Done(view, *used, *granted, *events, change=Change(after=roles, target=f"sessions/{view.session_id}", user_id=user.id, is_actor=True))
