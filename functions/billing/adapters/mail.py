"""The letters of the billing context: what they say, in plain text and in simple HTML."""

import html

from functions.billing.adapters.printed import shown
from functions.billing.domain.customers import Customer
from functions.billing.domain.invoices import Invoice, InvoiceStatus
from functions.billing.domain.payments import Payment
from functions.runtime.config.settings import Settings
from functions.runtime.mail.delivery import Attachment, Letter, Mail

DEFAULT_PUBLIC_URL = "http://127.0.0.1:3000"
PAGE = """<!doctype html>
<html lang="en"><body style="font:16px/1.5 system-ui,sans-serif;color:#1c1c1c;max-width:36em;margin:2em auto;padding:0 1em">
{body}
</body></html>
"""


class LetterMailer:
    def __init__(self, mail: Mail, settings: Settings) -> None:
        self._mail = mail
        self._url = settings.text("CAPSULE_PUBLIC_URL", DEFAULT_PUBLIC_URL).rstrip("/")

    async def send_invoice(self, invoice: Invoice, customer: Customer, pdf: bytes) -> None:
        paid = invoice.status is InvoiceStatus.PAID
        lines = [
            f"Your invoice {invoice.number} over {shown(invoice.total)} is attached.",
            "It is paid: there is nothing to do." if paid else "Your payment method will be charged now: there is nothing to do.",
            f"Your invoices: GET {self._url}/v1/billing/invoices",
        ]
        attached = Attachment(f"invoice-{invoice.number}.pdf", "application/pdf", pdf)
        await self._send(Letter(invoice.id, customer.email, f"Invoice {invoice.number} from Capsule", *_written(lines), attachments=(attached,)))

    async def send_payment_failed(self, payment: Payment, invoice: Invoice, customer: Customer) -> None:
        what = f"invoice {invoice.number}" if invoice.number else "the plan you asked for"
        lines = [f"We could not charge {shown(payment.amount)} for {what}: {payment.failure_message}"]
        pay = f"POST {self._url}/v1/billing/invoices/{invoice.id}/payment"
        if invoice.number is None:
            lines.append("Nothing has changed: you keep the plan you have. You can ask for the other one again with another payment method.")
        elif payment.retry_at is not None:
            lines.append(f"We will try again on {payment.retry_at:%d %B %Y}. To pay now, or with another card: {pay}")
        else:
            lines.append(f"That was the last try: until the invoice is paid, your plan is suspended. To pay, perhaps with another card: {pay}")
        await self._send(Letter(payment.id, customer.email, "A payment to Capsule was declined", *_written(lines)))

    async def _send(self, letter: Letter) -> None:
        await self._mail.send(letter)


def _written(lines: list[str]) -> tuple[str, str]:
    """As text and as HTML."""
    return "\n\n".join(lines) + "\n", PAGE.format(body="".join(f"<p>{html.escape(line)}</p>" for line in lines))
