"""Turn on the second factor with a first code.

The answer has the recovery codes, which are shown once. All other sessions end, because they have not shown a second factor.
"""

from pydantic import Field

from events.auth import SecondFactorEnabled, SessionEnded
from functions.auth.domain.rejections import (
    SecondFactorAlreadyEnabled,
    SecondFactorNotEnabled,
    WrongCode,
)
from functions.auth.domain.session import EndReason, Method
from functions.auth.domain.views import RecoveryCodesView
from functions.auth.ports import SecondFactors, Sessions, Vault
from functions.kernel import OWN_ACCOUNT, Caller, Change, Clock, Done, Model, SecretText, command


class EnableSecondFactor(Model):
    code: SecretText = Field(examples=["123456"], description="Of the authenticator application.")


@command(
    http="POST /v1/users/me/second-factor/activation",
    allow=OWN_ACCOUNT,
    rejects=[SecondFactorNotEnabled, SecondFactorAlreadyEnabled, WrongCode],
    emits=[SecondFactorEnabled, SessionEnded],
    has_secret_response=True,
    needs_recent_login=True,
)
async def enable_second_factor(
    request: EnableSecondFactor, factors: SecondFactors, sessions: Sessions, vault: Vault, caller: Caller, clock: Clock
) -> Done[RecoveryCodesView]:
    now = clock.now()
    factor = await factors.lock(caller.user_id)
    if factor is None:
        raise SecondFactorNotEnabled("Request a secret first: POST /v1/users/me/second-factor.")
    codes, events = factor.enable(vault.open(factor.sealed_secret), request.code.get_secret_value(), now)
    await factors.save(factor)
    ended = await sessions.end_all(caller.user_id, EndReason.SECOND_FACTOR_ENABLED, now, kept=caller.session_id)
    session = await sessions.lock(caller.session_id) if caller.session_id else None
    if session is not None:
        session.confirm_identity(frozenset({Method.CODE}), now)
        await sessions.save(session)
    return Done(RecoveryCodesView(codes=codes), *events, *ended, change=Change({"second_factor": "off"}, {"second_factor": "on"}))
