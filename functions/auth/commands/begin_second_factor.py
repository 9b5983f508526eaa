"""Begin to turn on the second factor.

The answer has a secret for an authenticator application. The second factor is on once a code of it has been sent to
`POST /v1/users/me/second-factor/activation`; until then a repetition yields another secret.
"""

from pydantic import Field

from functions.auth.domain import one_time_codes
from functions.auth.domain.rejections import (
    SecondFactorAlreadyEnabled,
    UnknownUser,
)
from functions.auth.domain.second_factor import SecondFactor
from functions.auth.ports import SecondFactors, Users, Vault
from functions.kernel import OWN_ACCOUNT, Caller, Clock, Done, Model, command


class BeginSecondFactor(Model):
    pass


class SecondFactorSecretView(Model):
    secret: str = Field(description="160 random bits in base 32, for typing.")
    uri: str = Field(description="The same as an `otpauth:` URI, for a QR code.")


@command(
    http="POST /v1/users/me/second-factor",
    allow=OWN_ACCOUNT,
    status=201,
    rejects=[UnknownUser, SecondFactorAlreadyEnabled],
    has_secret_response=True,
    needs_recent_login=True,
)
async def begin_second_factor(
    request: BeginSecondFactor, users: Users, factors: SecondFactors, vault: Vault, caller: Caller, clock: Clock
) -> Done[SecondFactorSecretView]:
    user = await users.get(caller.user_id)
    if user is None:
        raise UnknownUser
    current = await factors.lock(user.id)
    if current is not None and current.is_enabled:
        raise SecondFactorAlreadyEnabled
    secret = one_time_codes.new_secret()
    await factors.save(SecondFactor(user.id, vault.seal(secret), clock.now()))
    return Done(SecondFactorSecretView(secret=secret, uri=one_time_codes.provisioning_uri(secret, user.email)))
