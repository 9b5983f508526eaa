"""Who pays is told that a charge was declined, and what comes next."""

from events.billing import PaymentFailed
from functions.billing.ports import Customers, Invoices, Mailer, Payments
from functions.kernel import Work, effect


@effect()
async def on_payment_failed(failed: PaymentFailed, payments: Payments, invoices: Invoices, customers: Customers, mailer: Mailer, work: Work) -> None:
    async with work.reading():
        payment = await payments.get(failed.payment_id)
        invoice = await invoices.get(failed.invoice_id)
        customer = await customers.get(invoice.customer_id)
    if payment is None:
        return

    await mailer.send_payment_failed(payment, invoice, customer)

    async with work.recording():
        pass  # that it was mailed
