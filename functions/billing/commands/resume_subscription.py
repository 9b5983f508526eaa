"""Undo a scheduled cancellation or downgrade."""

from events.billing import SubscriptionChanged
from functions.billing.domain.plans import FREE
from functions.billing.domain.rejections import CustomerNotFound, NothingToResume
from functions.billing.domain.views import SubscriptionChangeView
from functions.billing.ports import Plans, Subscribers, Subscriptions
from functions.kernel import Caller, Clock, Done, Model, command


class ResumeSubscription(Model):
    pass


@command(http="POST /v1/billing/subscription/resume", rejects=[CustomerNotFound, NothingToResume], emits=[SubscriptionChanged])
async def resume_subscription(
    request: ResumeSubscription, caller: Caller, subscribers: Subscribers, subscriptions: Subscriptions, plans: Plans, clock: Clock
) -> Done[SubscriptionChangeView]:
    now = clock.now()
    subscriber = await subscribers.lock(caller.user_id)
    subscription, free = subscriber.subscription, await plans.get_offered(FREE, now)
    current = await plans.get(subscription.plan_code, subscription.plan_version)

    events = subscriber.resume(current, free, now)

    await subscriptions.save(subscription)
    return Done(SubscriptionChangeView.done(subscription), *events)
