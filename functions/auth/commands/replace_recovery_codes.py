"""Replace the recovery codes of the second factor.

The answer has the new ones, which are shown once. The former ones no longer work.
"""

from events.auth import RecoveryCodesReplaced
from functions.auth.domain.rejections import (
    SecondFactorNotEnabled,
)
from functions.auth.domain.views import RecoveryCodesView
from functions.auth.ports import SecondFactors
from functions.kernel import OWN_ACCOUNT, Caller, Clock, Done, Model, command


class ReplaceRecoveryCodes(Model):
    pass


@command(
    http="POST /v1/users/me/second-factor/recovery-codes",
    allow=OWN_ACCOUNT,
    rejects=[SecondFactorNotEnabled],
    emits=[RecoveryCodesReplaced],
    has_secret_response=True,
    needs_recent_login=True,
)
async def replace_recovery_codes(request: ReplaceRecoveryCodes, factors: SecondFactors, caller: Caller, clock: Clock) -> Done[RecoveryCodesView]:
    factor = await factors.lock(caller.user_id)
    if factor is None:
        raise SecondFactorNotEnabled
    codes, events = factor.replace_recovery_codes(clock.now())
    await factors.save(factor)
    return Done(RecoveryCodesView(codes=codes), *events)
