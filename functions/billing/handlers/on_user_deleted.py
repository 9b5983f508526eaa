"""Start to close the customer of a deleted user.

The plan ends after the time that usage may be late. A user who is not a customer yet never becomes one.
"""

from events.auth import UserDeleted
from functions.billing.domain.customers import Customer, CustomerClosureRequested, CustomerExists
from functions.billing.domain.plans import FREE
from functions.billing.domain.subscriptions import LATE_USAGE_GRACE
from functions.billing.ports import Customers, Plans, Subscriptions
from functions.kernel import Clock, Done, Transient, after, on


@on(emits=[CustomerClosureRequested])
async def on_user_deleted(event: UserDeleted, customers: Customers, subscriptions: Subscriptions, plans: Plans, clock: Clock) -> Done[None]:
    customer = await customers.get_by_user(event.user_id)
    if customer is None:
        try:
            await customers.add(Customer.erased(event.user_id, event.at))
        except CustomerExists as error:
            raise Transient(f"user {event.user_id} became a customer in the meantime") from error
        return Done(None)
    if customer.closed_at is not None:
        return Done(None)

    subscription = await subscriptions.lock(customer.id)
    await customers.mark_deleted(customer.id, event.at)
    if subscription is not None and not subscription.is_free:
        subscription.schedule_plan(await plans.get_offered(FREE, clock.now()))  # a period that ends meanwhile is not renewed
        await subscriptions.save(subscription)
    return Done(None, after(LATE_USAGE_GRACE, CustomerClosureRequested(customer_id=customer.id)))
