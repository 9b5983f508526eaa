"""A customer leaves the paid plan: when the period that is paid for ends; at once if nothing is paid for."""

from events.billing import SubscriptionChanged
from functions.billing.domain.answers import ChangeAccepted
from functions.billing.domain.facts import subscription_changed
from functions.billing.domain.plans import FREE
from functions.billing.domain.rejections import CustomerNotFound, NothingToCancel
from functions.billing.domain.subscriptions import Change
from functions.billing.ports import Customers, Plans, Subscriptions
from functions.kernel import Caller, Clock, Done, Model, command


class CancelSubscription(Model):
    pass


@command(http="DELETE /v1/billing/subscription", rejects=[CustomerNotFound, NothingToCancel], emits=[SubscriptionChanged])
async def cancel_subscription(
    asked: CancelSubscription, caller: Caller, customers: Customers, subscriptions: Subscriptions, plans: Plans, clock: Clock
) -> Done[ChangeAccepted]:
    customer = await customers.of_user(caller.user_id)
    subscription = await subscriptions.locked(customer.id) if customer else None
    if customer is None or subscription is None:
        raise CustomerNotFound
    now = clock.now()
    free = await plans.offered(FREE, now)

    when = subscription.cancel(free, now)

    await subscriptions.save(subscription)
    plan = await plans.get(subscription.plan_code, subscription.plan_version)
    answer = ChangeAccepted.done(subscription) if when is Change.NOW else ChangeAccepted.at_period_end(subscription, FREE)
    return Done(answer, subscription_changed(subscription, customer, plan, free, now))
