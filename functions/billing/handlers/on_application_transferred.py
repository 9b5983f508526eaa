"""Charge the new owner of an application for its usage.

Records that were added to another owner before this event arrived are moved.
"""

from events.deploy import ApplicationTransferred
from functions.billing.domain.transfers import Transfer
from functions.billing.ports import Usage
from functions.kernel import Done, Order, on


@on(order=Order.ANY)
async def on_application_transferred(event: ApplicationTransferred, usage: Usage) -> Done[None]:
    await usage.transfer(Transfer(event.application_id, event.at, event.former_user_id, event.user_id))
    return Done(None)
