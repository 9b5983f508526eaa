"""A registration has heard nothing of its customer and asks once more: whichever message was lost, the customer is there then, and told of."""

from events.auth import CustomerRequested
from events.billing import CustomerCreated
from functions.billing.domain.customers import Customer, CustomerExists
from functions.billing.domain.plans import FREE
from functions.billing.domain.subscriptions import Subscription
from functions.billing.ports import Customers, Plans, Subscriptions
from functions.kernel import Done, Scale, Transient, on


@on(emits=[CustomerCreated], scale=Scale(max=2))
async def on_customer_requested(wanted: CustomerRequested, customers: Customers, plans: Plans, subscriptions: Subscriptions) -> Done[None]:
    customer = await customers.of_user(wanted.user_id)
    if customer is None:
        customer = Customer.of_user(wanted.user_id, wanted.email, at=wanted.at)
        try:
            await customers.add(customer)
        except CustomerExists as meanwhile:
            raise Transient(f"user {wanted.user_id} has just become a customer") from meanwhile
        plan = await plans.offered(FREE, at=customer.created_at)
        await subscriptions.add(Subscription.begin(customer, plan, at=customer.created_at))

    subscription = await subscriptions.running(customer.id)
    plan_code = subscription.plan_code if subscription else FREE
    return Done(None, CustomerCreated(customer_id=customer.id, user_id=customer.user_id, plan=plan_code, at=customer.created_at))
