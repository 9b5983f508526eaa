"""Sign in with e-mail address and password.

The answer does not reveal whether an address has an account: without one a password is hashed too, and failures are
counted and lock the address in the same way. Only whoever knows the password learns that an address is not verified. A
failure is stored although the request is rejected (`Rejected`); a login during a lock does not extend the lock.
"""

from pydantic import Field, SecretStr

from events.auth import UserLoggedIn
from functions.auth.domain.email import Email
from functions.auth.domain.rejections import AccountLocked, EmailNotVerified, InvalidEmail, WrongCredentials
from functions.auth.domain.session import Device, Session
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.domain.views import SessionView
from functions.auth.ports import AccessTokenIssuer, Hasher, Sessions, Users
from functions.auth.services.password_check import PasswordCheck
from functions.kernel import ANYONE, Client, Clock, Done, Model, Rejected, Scale, command


class Login(Model):
    email: str = Field(examples=["ada@example.org"], max_length=320)
    password: SecretStr = Field(examples=["correct horse battery staple"])


@command(
    http="POST /v1/sessions",
    status=201,
    allow=ANYONE,
    rejects=[InvalidEmail, WrongCredentials, AccountLocked, EmailNotVerified],
    emits=[UserLoggedIn],
    scale=Scale(max=20),
    has_secret_response=True,
)
async def login(
    request: Login,
    users: Users,
    check: PasswordCheck,
    hasher: Hasher,
    sessions: Sessions,
    access_tokens: AccessTokenIssuer,
    client: Client,
    clock: Clock,
) -> Done[SessionView] | Rejected:
    email, password, now = Email(request.email), request.password.get_secret_value(), clock.now()

    failed_logins = await check.lock(email, now)
    user = await users.get_by_email(email)
    if not await check.matches(user, password, failed_logins, now) or user is None:
        return Rejected(WrongCredentials())
    if not user.is_verified:
        return Rejected(EmailNotVerified())

    if hasher.needs_rehash(user.password_hash):
        await users.rehash(user.id, user.password_hash, await hasher.rehash(password))

    session, events = Session.start(user.id, Device.of(client), now)
    token = OpaqueToken.for_refresh()
    await sessions.add(session, token)
    access = access_tokens.issue(user, session.id, now)
    return Done(
        SessionView(
            session_id=str(session.id),
            access_token=access.text,
            expires_in=access.expires_in_seconds,
            refresh_token=token.text,
            deletes_at=user.deletes_at,
        ),
        *events,
    )
