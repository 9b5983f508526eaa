"""A registration asks for what a new user may run: the default quota is granted, unless there is one (a plan that was quicker); it is told which."""

from events.auth import QuotaRequested
from events.deploy import QuotaGranted
from functions.deploy.domain.application import Quota
from functions.deploy.ports import Quotas
from functions.kernel import Clock, Done, Order, on


@on(emits=[QuotaGranted], order=Order.ANY)
async def on_quota_requested(wanted: QuotaRequested, quotas: Quotas, clock: Clock) -> Done[None]:
    await quotas.grant(Quota.default(wanted.user_id, clock.now()))
    quota = await quotas.find(wanted.user_id)
    assert quota is not None, "it was granted"

    return Done(
        None,
        QuotaGranted(user_id=quota.user_id, applications=quota.applications, memory_mib=quota.memory_mib, at=quota.granted_at),
    )
