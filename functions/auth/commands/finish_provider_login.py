"""Sign in with the identity that a provider confirmed.

409 `provider-login-pending` until the provider has answered: repeat the request after a second. A new user gets an account if the provider has
verified the address. An address that has an account never leads to it by itself: sign in there and link the identity.
"""

import secrets

from pydantic import Field

from events.auth import EmailVerified, UserCreated, UserDeleted, UserExpired, UserLoggedIn
from events.sign_in import IdentityLinked
from functions.auth.domain.email import Email
from functions.auth.domain.identity import Identity, ProviderClaims
from functions.auth.domain.registration import Registration, RegistrationTimedOut
from functions.auth.domain.rejections import (
    AccountSuspended,
    InvalidEmail,
    SecondFactorRequired,
)
from functions.auth.domain.session import WITH_PROVIDER, FirstStep, Method
from functions.auth.domain.sign_in_rejections import (
    IdentityNotLinked,
    ProviderEmailUnverified,
    ProviderLoginFailed,
    ProviderLoginPending,
    UnknownProviderLogin,
)
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.domain.user import User
from functions.auth.domain.views import SessionView
from functions.auth.ports import EmailTaken, Hasher, Identities, LoginChallenges, ProviderLogins, Registrations, Users
from functions.auth.services.code_check import CodeCheck
from functions.auth.services.session_tokens import SessionTokens
from functions.kernel import ANYONE, Change, Client, Clock, Done, Events, Model, Origin, RateClass, Rejected, SecretText, command

UNKNOWN_PASSWORD_BYTES = 32
MAX_NAME_LENGTH = 100


class FinishProviderLogin(Model):
    token: SecretText = Field(description="Of the browser that began the sign-in.")


@command(
    http="POST /v1/provider-logins/session",
    status=201,
    allow=ANYONE,
    rate=RateClass.WRITES,  # the token has 256 bits: repetition guesses nothing
    rejects=[
        *(UnknownProviderLogin, ProviderLoginPending, ProviderLoginFailed, ProviderEmailUnverified, IdentityNotLinked),
        *(SecondFactorRequired, AccountSuspended),
    ],
    emits=[UserLoggedIn, UserCreated, EmailVerified, IdentityLinked, RegistrationTimedOut, UserExpired, UserDeleted],
    has_secret_response=True,
    has_audit_entry=False,  # clients repeat it until the provider has answered; what ends the sign-in has a `change`
)
async def finish_provider_login(
    request: FinishProviderLogin,
    logins: ProviderLogins,
    identities: Identities,
    users: Users,
    registrations: Registrations,
    hasher: Hasher,
    codes: CodeCheck,
    challenges: LoginChallenges,
    tokens: SessionTokens,
    client: Client,
    origin: Origin,
    clock: Clock,
) -> Done[SessionView] | Rejected:
    now = clock.now()
    login = await logins.lock_by_token(OpaqueToken(request.token.get_secret_value()))
    if login is None:
        raise UnknownProviderLogin
    claims = login.finish(None, now)
    await logins.save(login)

    events: Events = ()
    identity = await identities.lock_by_subject(claims.issuer, claims.subject)
    user = await users.get(identity.user_id) if identity else None
    if identity is None or user is None:
        address = _verified_address(claims)
        if address is None:
            return Rejected(ProviderEmailUnverified(), change=Change(target="sessions"))
        other = await users.get_by_email(address)
        if other is not None:
            try:
                other.require_not_suspended()
            except AccountSuspended as refused:
                return Rejected(refused, change=Change(target="sessions", user_id=other.id))
            # nobody has proved to read the e-mail of an unverified account; the provider's user has
            if not await users.delete_if_unverified(other.id):
                return Rejected(IdentityNotLinked(), change=Change(target="sessions", user_id=other.id))
            events = other.expire(now)
        password_hash = await hasher.rehash(secrets.token_urlsafe(UNKNOWN_PASSWORD_BYTES))
        user, created = User.register_verified(address, password_hash, claims.name[:MAX_NAME_LENGTH], now)
        try:
            await users.add(user)
        except EmailTaken:
            return Rejected(IdentityNotLinked(), change=Change(target="sessions"))
        registration, started = Registration.of(user, origin.correlation_id)
        await registrations.add(registration)
        identity, linked = Identity.link(user.id, login.provider, claims, now)
        await identities.add(identity)
        events = (*events, *created, *started, *linked)

    if await codes.is_required(user):
        challenge = challenges.issue(FirstStep(user.id, Method.PROVIDER), now).text
        return Rejected(SecondFactorRequired(secret_members={"challenge": challenge}), change=Change(target="sessions", user_id=user.id))
    try:
        view, signed_in = await tokens.start(user, client, WITH_PROVIDER, now)
    except AccountSuspended as refused:  # the result of the provider stays used
        return Rejected(refused, change=Change(target="sessions", user_id=user.id))
    identity.last_used_at = now
    await identities.save(identity)
    return Done(view, *events, *signed_in, change=Change(target=f"sessions/{view.session_id}", user_id=user.id, is_actor=True))


def _verified_address(claims: ProviderClaims) -> Email | None:
    if not claims.is_email_verified:
        return None
    try:
        return Email(claims.email)
    except InvalidEmail:
        return None
