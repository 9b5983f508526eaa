"""Another plan, or a suspended one: what the user may run is what the subscription allows now. What runs already is left alone."""

from events.billing import SubscriptionChanged
from events.deploy import QuotaGranted
from functions.deploy.domain.application import Quota
from functions.deploy.ports import Quotas
from functions.kernel import Clock, Done, on


@on(emits=[QuotaGranted])
async def on_subscription_changed(changed: SubscriptionChanged, quotas: Quotas, clock: Clock) -> Done[None]:
    quota = Quota(changed.user_id, changed.allowed.applications, changed.allowed.memory_mib, clock.now())
    await quotas.set(quota)

    return Done(
        None,
        QuotaGranted(user_id=quota.user_id, applications=quota.applications, memory_mib=quota.memory_mib, at=quota.granted_at),
    )
