"""Charge an open invoice again.

Does nothing if the invoice was paid or tried again in the meantime.
"""

from functions.billing.domain.invoices import InvoiceStatus
from functions.billing.domain.payments import Payment, PaymentRequested, PaymentRetryRequested
from functions.billing.ports import Customers, Invoices, Payments, Subscriptions
from functions.kernel import Clock, Done, Order, on


@on(emits=[PaymentRequested], order=Order.ANY)
async def on_payment_retry_requested(
    event: PaymentRetryRequested, payments: Payments, customers: Customers, subscriptions: Subscriptions, invoices: Invoices, clock: Clock
) -> Done[None]:
    failed = await payments.get(event.payment_id)
    if failed is None:
        return Done(None)
    await subscriptions.lock(failed.customer_id)
    invoice = await invoices.get(failed.invoice_id)
    last = await payments.get_last_attempt(invoice.id)
    if invoice.status is not InvoiceStatus.OPEN or last is None or not last.is_retry_due(clock.now()):
        return Done(None)

    customer = await customers.get(failed.customer_id)
    payment, events = Payment.create(invoice, customer.payment_method or last.payment_method, clock.now(), attempt=last.attempt + 1)
    await payments.add(payment)
    return Done(None, *events)
