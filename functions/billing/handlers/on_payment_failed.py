"""E-mail the customer about a declined payment."""

from events.billing import PaymentFailed
from functions.billing.ports import Customers, Invoices, Mailer, Payments
from functions.kernel import Work, effect


@effect()
async def on_payment_failed(event: PaymentFailed, payments: Payments, invoices: Invoices, customers: Customers, mailer: Mailer, work: Work) -> None:
    async with work.reading():
        payment = await payments.get(event.payment_id)
        invoice = await invoices.get(event.invoice_id)
        customer = await customers.get(invoice.customer_id)
    if payment is None:
        return

    await mailer.send_payment_failed(payment, invoice, customer)

    async with work.recording():
        pass  # claims the message, so that a redelivery sends no second e-mail
