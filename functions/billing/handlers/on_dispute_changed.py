"""E-mail the operator and the customer about a dispute."""

from events.billing import DisputeChanged
from functions.billing.ports import Customers, Disputes, Invoices, Mailer
from functions.kernel import Order, Work, effect


@effect(order=Order.ANY)
async def on_dispute_changed(event: DisputeChanged, disputes: Disputes, invoices: Invoices, customers: Customers, mailer: Mailer, work: Work) -> None:
    async with work.reading():
        dispute = await disputes.get(event.dispute_id)
        invoice = await invoices.get(dispute.invoice_id)
        customer = await customers.get(dispute.customer_id)

    await mailer.send_dispute(dispute, invoice, customer)

    async with work.recording():
        pass  # claims the message, so that a redelivery sends no second e-mail
