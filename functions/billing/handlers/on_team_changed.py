"""Create the customer of a team, or replace its address.

A new customer is on the free plan. The account at the payment provider is opened with the first payment.
"""

from events.billing import CustomerCreated
from events.teams import TeamChanged
from functions.billing.domain.customers import Customer, CustomerExists
from functions.billing.domain.plans import FREE
from functions.billing.domain.subscriptions import Subscription
from functions.billing.ports import Customers, Plans, Subscriptions
from functions.kernel import Done, Scale, Transient, on


@on(emits=[CustomerCreated], scale=Scale(max=2))
async def on_team_changed(event: TeamChanged, customers: Customers, plans: Plans, subscriptions: Subscriptions) -> Done[None]:
    if await customers.get_by_user(event.team_id) is not None:
        await customers.set_email(event.team_id, event.email)
        return Done(None)
    plan = await plans.get_offered(FREE, at=event.at)
    customer, events = Customer.create(event.team_id, event.email, plan.code, at=event.at)
    try:
        await customers.add(customer)
    except CustomerExists as error:
        raise Transient(f"team {event.team_id} became a customer in the meantime") from error
    await subscriptions.add(Subscription.begin(customer, plan, at=customer.created_at))
    return Done(None, *events)
