"""Replace the e-mail address of a customer.

Issued invoices keep the address of their buyer.
"""

from events.auth import EmailChanged
from functions.billing.ports import Customers
from functions.kernel import Done, Scale, Transient, on


@on(scale=Scale(max=2))
async def on_email_changed(event: EmailChanged, customers: Customers) -> Done[None]:
    if not await customers.set_email(event.user_id, event.email):
        raise Transient(f"user {event.user_id} is not a customer yet")
    return Done(None)
