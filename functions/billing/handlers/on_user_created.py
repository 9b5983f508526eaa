"""Create the customer of a new user, on the free plan.

The subscription begins when the user registered, however late the event arrives, so no usage lies before the first
period. The account at the payment provider is opened separately (`on_payment_account_requested`): registration does not
wait for an external system.
"""

from events.auth import UserCreated
from events.billing import CustomerCreated
from functions.billing.domain.customers import Customer, CustomerExists
from functions.billing.domain.plans import FREE
from functions.billing.domain.subscriptions import Subscription
from functions.billing.ports import Customers, Plans, Subscriptions
from functions.kernel import Done, on


@on(emits=[CustomerCreated])
async def on_user_created(event: UserCreated, customers: Customers, plans: Plans, subscriptions: Subscriptions) -> Done[None]:
    plan = await plans.get_offered(FREE, at=event.at)
    customer, events = Customer.create(event.user_id, event.email, plan.code, at=event.at)
    try:
        await customers.add(customer)
    except CustomerExists:
        return Done(None)

    await subscriptions.add(Subscription.begin(customer, plan, at=customer.created_at))
    return Done(None, *events)
