"""Register a passkey.

The authenticator must have verified its user (PIN, fingerprint, face). The passkey signs in alone, and takes the place of a code after the password.
"""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from events.sign_in import PasskeyRegistered
from functions.auth.domain.passkey import MAX_PASSKEYS, Passkey, Purpose
from functions.auth.domain.sign_in_rejections import (
    InvalidPasskey,
    PasskeyTaken,
    TooManyPasskeys,
    UnknownPasskeyChallenge,
)
from functions.auth.domain.views import PasskeyView
from functions.auth.ports import PasskeyCeremonies, PasskeyChallenges, Passkeys
from functions.kernel import ONE_LINE, OWN_ACCOUNT, Caller, Clock, Done, Model, Rejected, Scale, command

PasskeyName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64), ONE_LINE]


class RegisterPasskey(Model):
    challenge_id: UUID
    name: PasskeyName = Field(examples=["Laptop"], description="To tell it from others.")
    credential: str = Field(max_length=65_536, description="The JSON of `PublicKeyCredential.toJSON()`, as text.")


@command(
    http="POST /v1/users/me/passkeys",
    allow=OWN_ACCOUNT,
    status=201,
    rejects=[UnknownPasskeyChallenge, InvalidPasskey, PasskeyTaken, TooManyPasskeys],
    emits=[PasskeyRegistered],
    is_session_only=True,
    scale=Scale(max=1),
    needs_recent_login=True,
)
async def register_passkey(
    request: RegisterPasskey, passkeys: Passkeys, challenges: PasskeyChallenges, ceremonies: PasskeyCeremonies, caller: Caller, clock: Clock
) -> Done[PasskeyView] | Rejected:
    now = clock.now()
    challenge = await challenges.take(request.challenge_id)
    if challenge is None or challenge.user_id != caller.user_id or not challenge.is_for(Purpose.REGISTRATION, now):
        return Rejected(UnknownPasskeyChallenge())
    key = ceremonies.verify_registration(request.credential, challenge)
    if key is None:
        return Rejected(InvalidPasskey())
    if len(await passkeys.lock_for_user(caller.user_id)) >= MAX_PASSKEYS:
        return Rejected(TooManyPasskeys())
    passkey, events = Passkey.register(caller.user_id, key, request.name, now)
    try:
        await passkeys.add(passkey)
    except PasskeyTaken as refusal:
        return Rejected(refusal)
    return Done(PasskeyView.of(passkey), *events)
