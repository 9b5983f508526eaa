"""Turn off the second factor.

Secret and recovery codes are deleted. Signing in needs the password only.
"""

from events.auth import SecondFactorDisabled
from functions.auth.domain.rejections import (
    SecondFactorNotEnabled,
)
from functions.auth.ports import SecondFactors
from functions.kernel import OWN_ACCOUNT, Caller, Change, Clock, Done, Model, command


class DisableSecondFactor(Model):
    pass


@command(
    http="DELETE /v1/users/me/second-factor",
    allow=OWN_ACCOUNT,
    status=204,
    rejects=[SecondFactorNotEnabled],
    emits=[SecondFactorDisabled],
    needs_recent_login=True,
)
async def disable_second_factor(request: DisableSecondFactor, factors: SecondFactors, caller: Caller, clock: Clock) -> Done[None]:
    factor = await factors.lock(caller.user_id)
    if factor is None:
        raise SecondFactorNotEnabled
    events = factor.disable(clock.now())
    await factors.delete(caller.user_id)
    return Done(None, *events, change=Change({"second_factor": "on"}, {"second_factor": "off"}))
