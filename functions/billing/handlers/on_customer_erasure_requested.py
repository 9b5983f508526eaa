"""Erase the data of a deleted user's customer.

Closes the account at the payment provider first. Invoices, credit notes, payments and the ledger stay: the law asks for
them. Each invoice has its buyer's address.
"""

from functions.billing.domain.customers import CustomerErasureRequested
from functions.billing.ports import Customers, PaymentProvider, Subscriptions
from functions.kernel import Clock, Work, effect


@effect()
async def on_customer_erasure_requested(
    event: CustomerErasureRequested, customers: Customers, subscriptions: Subscriptions, provider: PaymentProvider, clock: Clock, work: Work
) -> None:
    async with work.reading():
        customer = await customers.get(event.customer_id)
    if customer.closed_at is not None:
        return
    if customer.provider_id is not None:
        await provider.close_account(customer)

    async with work.recording():
        subscription = await subscriptions.lock(customer.id)
        if subscription is not None:
            await subscriptions.end(subscription, clock.now())
        await customers.erase(customer.id, clock.now())
