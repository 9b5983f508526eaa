"""Charge the new owner of an application for its usage.

Records that were added to another owner before this event arrived are moved. What both have used of their plans is reviewed afterwards.
"""

from events.deploy import ApplicationTransferred
from functions.billing.domain.subscriptions import SubscriptionReviewRequested
from functions.billing.domain.transfers import Transfer
from functions.billing.ports import Customers, Usage
from functions.kernel import Done, Order, on


@on(order=Order.ANY, emits=[SubscriptionReviewRequested])
async def on_application_transferred(event: ApplicationTransferred, usage: Usage, customers: Customers) -> Done[None]:
    await usage.transfer(Transfer(event.application_id, event.at, event.former_user_id, event.user_id))
    payers = [await customers.get_by_user(each) for each in (event.former_user_id, event.user_id)]
    return Done(None, *(SubscriptionReviewRequested(customer_id=each.id) for each in payers if each is not None))
