"""Undo a scheduled cancellation or downgrade."""

from events.billing import SubscriptionChanged
from functions.billing.domain.events import subscription_changed
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
    subscriber = await subscribers.lock(caller.user_id)
    subscription = subscriber.subscription

    subscription.resume()

    await subscriptions.save(subscription)
    now = clock.now()
    plan = await plans.get(subscription.plan_code, subscription.plan_version)
    event = subscription_changed(subscription, subscriber.customer, plan, await plans.get_offered(FREE, now), now)
    return Done(SubscriptionChangeView.done(subscription), event)
