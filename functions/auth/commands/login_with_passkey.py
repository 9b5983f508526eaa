"""Sign in with a passkey.

A passkey that verifies its user is two factors in one: no code is needed. As a second step, `challenge` proves the first one.
"""

from uuid import UUID

from pydantic import Field

from events.auth import UserLoggedIn
from functions.auth.domain.passkey import Purpose
from functions.auth.domain.rejections import (
    AccountSuspended,
    EmailNotVerified,
    InvalidChallenge,
)
from functions.auth.domain.session import Method
from functions.auth.domain.sign_in_rejections import (
    PasskeyRefused,
    UnknownPasskeyChallenge,
)
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.domain.views import SessionView
from functions.auth.ports import LoginChallenges, PasskeyCeremonies, PasskeyChallenges, Passkeys, Users
from functions.auth.services.session_tokens import SessionTokens
from functions.kernel import ANYONE, Change, Client, Clock, Done, Model, Rejected, SecretText, command


class LoginWithPasskey(Model):
    challenge_id: UUID
    credential: str = Field(max_length=65_536, description="The JSON of `PublicKeyCredential.toJSON()`, as text.")
    challenge: SecretText | None = Field(default=None, description="As a second step: of the answer `second-factor-required`.")


@command(
    http="POST /v1/passkey-logins/session",
    status=201,
    allow=ANYONE,
    rejects=[UnknownPasskeyChallenge, InvalidChallenge, PasskeyRefused, EmailNotVerified, AccountSuspended],
    emits=[UserLoggedIn],
    has_secret_response=True,
)
async def login_with_passkey(
    request: LoginWithPasskey,
    logins: LoginChallenges,
    users: Users,
    passkeys: Passkeys,
    challenges: PasskeyChallenges,
    ceremonies: PasskeyCeremonies,
    tokens: SessionTokens,
    client: Client,
    clock: Clock,
) -> Done[SessionView] | Rejected:
    now = clock.now()
    is_second_step = request.challenge is not None
    first_step = logins.verify(OpaqueToken(request.challenge.get_secret_value()), now) if request.challenge is not None else None
    challenge = await challenges.take(request.challenge_id)
    if challenge is None or not challenge.is_for(Purpose.SECOND_FACTOR if is_second_step else Purpose.LOGIN, now):
        return Rejected(UnknownPasskeyChallenge())
    if is_second_step and (first_step is None or first_step.user_id != challenge.user_id):
        return Rejected(InvalidChallenge())
    named = ceremonies.read_login(request.credential)
    passkey = await passkeys.lock_by_credential(named[0]) if named else None
    if named is None or passkey is None:
        return Rejected(PasskeyRefused())
    if named[1] not in (None, passkey.user_id) or challenge.user_id not in (None, passkey.user_id):
        return Rejected(PasskeyRefused())  # WebAuthn Level 3, 7.2, steps 6 and 7
    sign_count = ceremonies.verify_login(request.credential, challenge, passkey, needs_user_verification=not is_second_step)
    user = await users.get(passkey.user_id)
    if sign_count is None or user is None:
        return Rejected(PasskeyRefused(), change=Change(target="sessions", user_id=passkey.user_id))
    if not user.is_verified:
        return Rejected(EmailNotVerified())
    passkey.use(sign_count, now)
    await passkeys.save(passkey)
    methods = frozenset({passkey.method, first_step.method if first_step else Method.USER_VERIFIED})
    try:
        view, events = await tokens.start(user, client, methods, now)
    except AccountSuspended as refused:  # the challenge stays used
        return Rejected(refused, change=Change(target="sessions", user_id=user.id))
    return Done(view, *events, change=Change(target=f"sessions/{view.session_id}", user_id=user.id, is_actor=True))
