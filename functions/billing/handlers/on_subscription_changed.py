"""Update the limits of use after a change of the plan.

A larger plan ends a limit that the former plan had.
"""

from events.billing import SubscriptionChanged, UsageAllowanceChanged, UsageThresholdReached
from functions.billing.services.usage_limits import UsageLimits
from functions.kernel import Clock, Done, Order, on


@on(emits=[SubscriptionChanged, UsageAllowanceChanged, UsageThresholdReached], order=Order.ANY)
async def on_subscription_changed(event: SubscriptionChanged, limits: UsageLimits, clock: Clock) -> Done[None]:
    return Done(None, *await limits.review_customer(event.customer_id, clock.now()))
