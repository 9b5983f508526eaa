"""Set a user's quota to the limits of the subscription.

Nothing new starts while the use is above the limits, or the subscription suspended.
"""

from dataclasses import asdict
from uuid import UUID

from events.billing import SubscriptionChanged
from events.deploy import AccountReviewRequested, QuotaGranted
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.storage_amounts import FREE, StorageAmounts
from functions.deploy.ports import Quotas
from functions.kernel import Change, Clock, Done, on


@on(emits=[AccountReviewRequested, QuotaGranted])
async def on_subscription_changed(event: SubscriptionChanged, quotas: Quotas, clock: Clock) -> Done[None]:
    allowed, is_suspended = event.allowed, event.status == "suspended"
    storage = StorageAmounts(**dict(allowed.storage)) if allowed.storage else await _storage(quotas, event.user_id)
    quota = Quota(event.user_id, allowed.applications, allowed.memory_mib, clock.now(), is_suspended=is_suspended, plan=event.plan, storage=storage)
    await quotas.set(quota)

    limits = {"applications": quota.applications, "memory_mib": quota.memory_mib, **asdict(storage), "plan": quota.plan, "is_suspended": is_suspended}
    change = Change(after=limits, target=f"users/{event.user_id}/quota", user_id=event.user_id)
    return Done(None, quota.granted_event(), AccountReviewRequested(user_id=event.user_id), change=change)


async def _storage(quotas: Quotas, user_id: UUID) -> StorageAmounts:
    """The limits of before: the event is of a release without them."""
    quota = await quotas.find(user_id)
    return quota.storage if quota is not None else FREE
