"""The e-mails of the billing context."""

from functions.billing.domain.customers import Customer
from functions.billing.domain.invoices import Invoice, InvoiceStatus
from functions.billing.domain.payments import Payment
from functions.runtime.email.message import Attachment, OutgoingEmail
from functions.runtime.email.transport import EmailTransport
from functions.wire.email_layout import Block, Command, render


class EmailMailer:
    def __init__(self, transport: EmailTransport) -> None:
        self._transport = transport

    async def send_invoice(self, invoice: Invoice, customer: Customer, pdf: bytes) -> None:
        is_paid = invoice.status is InvoiceStatus.PAID
        blocks: list[Block] = [
            f"Invoice {invoice.number} for {invoice.total} is attached.",
            "It is paid. You do not need to do anything." if is_paid else "Your card is charged automatically. You do not need to do anything.",
            "See it with its payments, or list all your invoices:",
            Command(f"capsule invoices show {invoice.number}"),
            Command("capsule invoices list"),
        ]
        attachment = Attachment(f"invoice-{invoice.number}.pdf", "application/pdf", pdf)
        subject = f"Capsule invoice {invoice.number}"
        await self._transport.send(OutgoingEmail(invoice.id, customer.email, subject, *render(blocks), attachments=(attachment,)))

    async def send_payment_failed(self, payment: Payment, invoice: Invoice, customer: Customer) -> None:
        subject = f"invoice {invoice.number}" if invoice.number else f"the {invoice.plan_code} plan"
        blocks: list[Block] = [f"Your payment of {payment.amount} for {subject} was declined: {payment.failure_message}"]
        if invoice.number is None:
            blocks += [
                "Your current plan has not changed. To try again with another card:",
                Command(f"capsule subscription change {invoice.plan_code} --payment-method PAYMENT_METHOD"),
            ]
        else:
            if payment.retry_at is not None:
                blocks.append(f"The next attempt is on {payment.retry_at.day} {payment.retry_at:%B %Y}. To pay now:")
            else:
                blocks.append("This was the last attempt. Your plan is suspended until the invoice is paid:")
            blocks += [
                Command(f"capsule invoices pay {invoice.number}"),
                "With another card:",
                Command(f"capsule invoices pay {invoice.number} --payment-method PAYMENT_METHOD"),
            ]
        await self._transport.send(OutgoingEmail(payment.id, customer.email, f"Capsule payment of {payment.amount} was declined", *render(blocks)))
