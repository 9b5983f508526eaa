"""Create the customer of a registration, or confirm it.

A registration publishes the event if it has not seen `customer.created`, whichever message was lost.
"""

from events.auth import CustomerRequested
from events.billing import CustomerCreated
from functions.billing.domain.customers import Customer, CustomerExists
from functions.billing.domain.plans import FREE
from functions.billing.domain.subscriptions import Subscription
from functions.billing.ports import Customers, Plans, Subscriptions
from functions.kernel import Done, Scale, Transient, on


@on(emits=[CustomerCreated], scale=Scale(max=2))
async def on_customer_requested(event: CustomerRequested, customers: Customers, plans: Plans, subscriptions: Subscriptions) -> Done[None]:
    customer = await customers.get_by_user(event.user_id)
    if customer is None:
        plan = await plans.get_offered(FREE, at=event.at)
        customer, _ = Customer.create(event.user_id, event.email, plan.code, at=event.at)
        try:
            await customers.add(customer)
        except CustomerExists as error:
            raise Transient(f"user {event.user_id} became a customer in the meantime") from error
        await subscriptions.add(Subscription.begin(customer, plan, at=customer.created_at))

    subscription = await subscriptions.get_current(customer.id)
    plan_code = subscription.plan_code if subscription else FREE
    return Done(None, *customer.confirm(plan_code))
