"""Set a user's quota to the limits of the subscription.

What already runs is not stopped. Nothing new is deployed while the use is above the limits, or the subscription suspended.
"""

from events.billing import SubscriptionChanged
from events.deploy import QuotaGranted
from functions.deploy.domain.quota import Quota
from functions.deploy.ports import Quotas
from functions.kernel import Clock, Done, on


@on(emits=[QuotaGranted])
async def on_subscription_changed(event: SubscriptionChanged, quotas: Quotas, clock: Clock) -> Done[None]:
    is_suspended = event.status == "suspended"
    quota = Quota(event.user_id, event.allowed.applications, event.allowed.memory_mib, clock.now(), is_suspended=is_suspended)
    await quotas.set(quota)

    return Done(None, quota.granted_event())
