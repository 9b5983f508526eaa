"""Begin to register a passkey.

The answer has the options of `navigator.credentials.create()`. The challenge is used once, within five minutes.
"""

from typing import Any
from uuid import UUID

from pydantic import Field

from functions.auth.domain.passkey import MAX_PASSKEYS, PasskeyChallenge, Purpose
from functions.auth.domain.rejections import (
    UnknownUser,
)
from functions.auth.domain.sign_in_rejections import (
    TooManyPasskeys,
)
from functions.auth.ports import PasskeyCeremonies, PasskeyChallenges, Passkeys, Users
from functions.kernel import OWN_ACCOUNT, Caller, Clock, Done, Model, Scale, command


class BeginPasskeyRegistration(Model):
    pass


class PasskeyRegistrationView(Model):
    challenge_id: UUID
    options: dict[str, Any] = Field(description="PublicKeyCredentialCreationOptionsJSON (WebAuthn Level 3, 5.1.9).")


@command(
    http="POST /v1/users/me/passkey-registrations",
    allow=OWN_ACCOUNT,
    status=201,
    rejects=[UnknownUser, TooManyPasskeys],
    has_secret_response=True,
    is_session_only=True,
    scale=Scale(max=1),
    needs_recent_login=True,
)
async def begin_passkey_registration(
    request: BeginPasskeyRegistration,
    users: Users,
    passkeys: Passkeys,
    challenges: PasskeyChallenges,
    ceremonies: PasskeyCeremonies,
    caller: Caller,
    clock: Clock,
) -> Done[PasskeyRegistrationView]:
    user = await users.get(caller.user_id)
    if user is None:
        raise UnknownUser
    existing = await passkeys.list_for_user(user.id)
    if len(existing) >= MAX_PASSKEYS:
        raise TooManyPasskeys
    challenge = PasskeyChallenge.new(Purpose.REGISTRATION, user.id, clock.now())
    await challenges.add(challenge)
    return Done(PasskeyRegistrationView(challenge_id=challenge.id, options=ceremonies.registration_options(user, existing, challenge)))
