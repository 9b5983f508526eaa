"""Grant a new user the default quota.

A quota that a plan has already set stays. Publishes the quota that applies.
"""

from events.auth import QuotaRequested
from events.deploy import QuotaGranted
from functions.deploy.domain.quota import Quota
from functions.deploy.ports import Quotas
from functions.kernel import Clock, Done, Order, on


@on(emits=[QuotaGranted], order=Order.ANY)
async def on_quota_requested(event: QuotaRequested, quotas: Quotas, clock: Clock) -> Done[None]:
    await quotas.grant(Quota.default(event.user_id, clock.now()))
    quota = await quotas.find(event.user_id)
    assert quota is not None, "it was granted above"

    return Done(None, quota.granted_event())
