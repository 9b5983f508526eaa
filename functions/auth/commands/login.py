"""A user signs in on a device: a session begins.

A stranger learns nothing about an address: without an account a password is hashed too, and failures are counted and lock alike. That an address
is not verified is told only to who knows its password. A failure is kept (`Rejected`), a lock is not lengthened by knocking on it.
"""

import math

from pydantic import Field, SecretStr

from events.auth import UserLoggedIn
from functions.auth.domain.email import Email
from functions.auth.domain.rejections import AccountLocked, EmailNotVerified, InvalidEmail, WrongCredentials
from functions.auth.domain.session import Device, Session
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.ports import AccessTokenIssuer, Hasher, LoginFailures, Sessions, Users
from functions.kernel import ANYONE, Client, Clock, Done, Model, Rejected, Scale, command


class Login(Model):
    email: str = Field(examples=["ada@example.org"], max_length=320)
    password: SecretStr = Field(examples=["correct horse battery staple"])


class SignedIn(Model):
    """The words of RFC 6749, 5.1."""

    session_id: str
    access_token: str = Field(description="A JWT, for the header `Authorization: Bearer …`.")
    token_type: str = "Bearer"
    expires_in: int = Field(description="Seconds until the access token expires.", examples=[900])
    refresh_token: str = Field(description="Good for one refresh; using it again ends the session.")


@command(
    http="POST /v1/sessions",
    answers=201,
    allow=ANYONE,
    rejects=[InvalidEmail, WrongCredentials, AccountLocked, EmailNotVerified],
    emits=[UserLoggedIn],
    scale=Scale(max=20),
    secret_answer=True,
)
async def login(
    asked: Login,
    users: Users,
    failures: LoginFailures,
    hasher: Hasher,
    sessions: Sessions,
    access_tokens: AccessTokenIssuer,
    client: Client,
    clock: Clock,
) -> Done[SignedIn] | Rejected:
    email, password, now = Email(asked.email), asked.password.get_secret_value(), clock.now()

    failed = await failures.of(email)
    if locked := failed.locked_for(now):
        raise AccountLocked(retry_after=math.ceil(locked.total_seconds()))

    user = await users.by_email(email)
    matches = await hasher.matches(user.password_hash if user else None, password)
    if user is None or not matches:
        failed.add(now)
        await failures.save(failed)
        return Rejected(WrongCredentials())

    failed.clear()
    await failures.save(failed)
    if not user.is_verified:
        return Rejected(EmailNotVerified())

    if hasher.outdated(user.password_hash):
        await users.rehash(user.id, user.password_hash, await hasher.rehash(password))

    session, token = Session.start(user.id, Device.of(client), now), OpaqueToken.for_refresh()
    await sessions.add(session, token)
    access = access_tokens.issue(user, session.id, now)
    return Done(
        SignedIn(session_id=str(session.id), access_token=access.text, expires_in=access.expires_in, refresh_token=token.text),
        UserLoggedIn(user_id=user.id, session_id=session.id, at=now),
    )
