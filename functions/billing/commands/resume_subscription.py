"""A customer stays after all: the cancellation, or the smaller plan that waits for the period's end, is taken back."""

from events.billing import SubscriptionChanged
from functions.billing.domain.answers import ChangeAccepted
from functions.billing.domain.facts import subscription_changed
from functions.billing.domain.plans import FREE
from functions.billing.domain.rejections import CustomerNotFound, NothingToResume
from functions.billing.ports import Customers, Plans, Subscriptions
from functions.kernel import Caller, Clock, Done, Model, command


class ResumeSubscription(Model):
    pass


@command(http="POST /v1/billing/subscription/resume", rejects=[CustomerNotFound, NothingToResume], emits=[SubscriptionChanged])
async def resume_subscription(
    asked: ResumeSubscription, caller: Caller, customers: Customers, subscriptions: Subscriptions, plans: Plans, clock: Clock
) -> Done[ChangeAccepted]:
    customer = await customers.of_user(caller.user_id)
    subscription = await subscriptions.locked(customer.id) if customer else None
    if customer is None or subscription is None:
        raise CustomerNotFound

    subscription.resume()

    await subscriptions.save(subscription)
    now = clock.now()
    plan = await plans.get(subscription.plan_code, subscription.plan_version)
    changed = subscription_changed(subscription, customer, plan, await plans.offered(FREE, now), now)
    return Done(ChangeAccepted.done(subscription), changed)
