"""Report a subscription and what its plan includes."""

from events.billing import SubscriptionChanged, UsageAllowanceChanged, UsageThresholdReached
from functions.billing.domain.subscriptions import SubscriptionReviewRequested
from functions.billing.services.usage_limits import UsageLimits
from functions.kernel import Clock, Done, Order, on


@on(emits=[SubscriptionChanged, UsageAllowanceChanged, UsageThresholdReached], order=Order.ANY)
async def on_subscription_review_requested(event: SubscriptionReviewRequested, limits: UsageLimits, clock: Clock) -> Done[None]:
    return Done(None, *await limits.review_customer(event.customer_id, clock.now()))
