"""Begin to sign in with a passkey.

Without `challenge` the passkey is the only factor, and must verify its user. With the `challenge` of the answer `second-factor-required` it takes
the place of a code.
"""

from typing import Any
from uuid import UUID

from pydantic import Field

from functions.auth.domain.passkey import PasskeyChallenge, Purpose
from functions.auth.domain.rejections import (
    InvalidChallenge,
)
from functions.auth.domain.sign_in_rejections import (
    PasskeyRefused,
)
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.ports import LoginChallenges, PasskeyCeremonies, PasskeyChallenges, Passkeys
from functions.kernel import ANYONE, Clock, Done, Model, SecretText, command


class BeginPasskeyLogin(Model):
    challenge: SecretText | None = Field(default=None, description="Of the answer `second-factor-required` to the sign-in.")


class PasskeyLoginView(Model):
    challenge_id: UUID
    options: dict[str, Any] = Field(description="PublicKeyCredentialRequestOptionsJSON (WebAuthn Level 3, 5.1.10).")


@command(
    http="POST /v1/passkey-logins",
    status=201,
    allow=ANYONE,
    rejects=[InvalidChallenge, PasskeyRefused],
    has_secret_response=True,
    has_audit_entry=False,
)
async def begin_passkey_login(
    request: BeginPasskeyLogin,
    logins: LoginChallenges,
    passkeys: Passkeys,
    challenges: PasskeyChallenges,
    ceremonies: PasskeyCeremonies,
    clock: Clock,
) -> Done[PasskeyLoginView]:
    now = clock.now()
    if request.challenge is None:
        challenge = PasskeyChallenge.new(Purpose.LOGIN, None, now)
        options = ceremonies.login_options([], challenge)
    else:
        first_step = logins.verify(OpaqueToken(request.challenge.get_secret_value()), now)
        if first_step is None:
            raise InvalidChallenge
        user_id = first_step.user_id
        own = await passkeys.list_for_user(user_id)
        if not own:
            raise PasskeyRefused("The account has no passkey. Enter a code of your application.")
        challenge = PasskeyChallenge.new(Purpose.SECOND_FACTOR, user_id, now)
        options = ceremonies.login_options(own, challenge)
    await challenges.add(challenge)
    return Done(PasskeyLoginView(challenge_id=challenge.id, options=options))
