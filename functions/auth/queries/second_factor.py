"""Show whether the second factor is on."""

from datetime import datetime

from functions.auth.ports import SecondFactors
from functions.kernel import OWN_ACCOUNT, Caller, Model, query


class ShowSecondFactor(Model):
    pass


class SecondFactorView(Model):
    is_enabled: bool
    enabled_at: datetime | None
    recovery_codes_left: int


@query(http="GET /v1/users/me/second-factor", allow=OWN_ACCOUNT, is_session_only=True)
async def second_factor(request: ShowSecondFactor, factors: SecondFactors, caller: Caller) -> SecondFactorView:
    factor = await factors.get(caller.user_id)
    if factor is None or not factor.is_enabled:
        return SecondFactorView(is_enabled=False, enabled_at=None, recovery_codes_left=0)
    return SecondFactorView(is_enabled=True, enabled_at=factor.enabled_at, recovery_codes_left=len(factor.recovery_hashes))
