"""Sign in with e-mail address and password.

An account with a second factor gets a challenge, for the second step at `POST /v1/sessions/second-factor`.

The answer does not reveal whether an address has an account: without one a password is hashed too, and failures are
counted and lock the address in the same way. Only whoever knows the password learns that an address is not verified. A
failure is stored although the request is rejected (`Rejected`); a login during a lock does not extend the lock.
"""

from pydantic import Field

from events.auth import AdministratorGranted, UserLoggedIn
from functions.auth.domain.email import Email
from functions.auth.domain.rejections import (
    AccountLocked,
    AccountSuspended,
    EmailNotVerified,
    InvalidEmail,
    SecondFactorRequired,
    WrongCredentials,
)
from functions.auth.domain.session import PASSWORD_ONLY, FirstStep, Method
from functions.auth.domain.views import SessionView
from functions.auth.ports import Administrators, Hasher, LoginChallenges, Users
from functions.auth.services.code_check import CodeCheck
from functions.auth.services.password_check import PasswordCheck
from functions.auth.services.session_tokens import SessionTokens
from functions.kernel import ANYONE, Change, Client, Clock, Done, Model, Rejected, Scale, SecretText, command


class Login(Model):
    email: str = Field(examples=["ada@example.org"], max_length=320)
    password: SecretText = Field(examples=["correct horse battery staple"])


@command(
    http="POST /v1/sessions",
    status=201,
    allow=ANYONE,
    rejects=[InvalidEmail, WrongCredentials, AccountLocked, EmailNotVerified, SecondFactorRequired, AccountSuspended],
    emits=[AdministratorGranted, UserLoggedIn],
    scale=Scale(max=20),
    has_secret_response=True,
)
async def login(
    request: Login,
    users: Users,
    administrators: Administrators,
    check: PasswordCheck,
    codes: CodeCheck,
    challenges: LoginChallenges,
    hasher: Hasher,
    tokens: SessionTokens,
    client: Client,
    clock: Clock,
) -> Done[SessionView] | Rejected:
    email, password, now = Email(request.email), request.password.get_secret_value(), clock.now()

    failed_logins = await check.lock(email, now)
    user = await users.get_by_email(email)
    if not await check.matches(user, password, failed_logins, now) or user is None:
        return Rejected(WrongCredentials(), change=Change(target="sessions", user_id=user.id if user else None))
    if not user.is_verified:
        await check.clear(failed_logins)
        return Rejected(EmailNotVerified(), change=Change(target="sessions", user_id=user.id))

    if hasher.needs_rehash(user.password_hash):
        await users.rehash(user.id, user.password_hash, await hasher.rehash(password))

    if await codes.is_required(user):
        challenge = challenges.issue(FirstStep(user.id, Method.PASSWORD), now).text
        return Rejected(SecondFactorRequired(secret_members={"challenge": challenge}), change=Change(target="sessions", user_id=user.id))
    await check.clear(failed_logins)
    granted = user.grant_administrator(now) if administrators.includes(user.email) else ()
    if granted:
        await users.save(user)
    view, events = await tokens.start(user, client, PASSWORD_ONLY, now)
    roles = {"roles": user.roles} if granted else None
    return Done(view, *granted, *events, change=Change(after=roles, user_id=user.id, is_actor=True))
