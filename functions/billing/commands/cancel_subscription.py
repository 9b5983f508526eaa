"""Cancel your paid plan.

Takes effect when the paid period ends; immediately if the subscription is suspended.
"""

from events.billing import SubscriptionChanged
from functions.billing.domain.plans import FREE
from functions.billing.domain.rejections import CustomerNotFound, NothingToCancel
from functions.billing.domain.subscriptions import ChangeTiming
from functions.billing.domain.views import SubscriptionChangeView
from functions.billing.ports import Plans, Subscribers, Subscriptions
from functions.kernel import Caller, Clock, Done, Model, command


class CancelSubscription(Model):
    pass


@command(http="DELETE /v1/billing/subscription", rejects=[CustomerNotFound, NothingToCancel], emits=[SubscriptionChanged])
async def cancel_subscription(
    request: CancelSubscription, caller: Caller, subscribers: Subscribers, subscriptions: Subscriptions, plans: Plans, clock: Clock
) -> Done[SubscriptionChangeView]:
    now = clock.now()
    subscriber = await subscribers.lock(caller.user_id)
    subscription, free = subscriber.subscription, await plans.get_offered(FREE, now)
    current = await plans.get(subscription.plan_code, subscription.plan_version)

    timing, events = subscriber.cancel(current, free, now)

    await subscriptions.save(subscription)
    view = SubscriptionChangeView.done(subscription) if timing is ChangeTiming.NOW else SubscriptionChangeView.scheduled(subscription, FREE)
    return Done(view, *events)
