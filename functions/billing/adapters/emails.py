"""The e-mails of the billing context."""

from uuid import UUID, uuid5

from events.billing import UsageThresholdReached
from events.deploy import AccountStandingChanged
from functions.billing.adapters.account_emails import account_standing_email, usage_threshold_email
from functions.billing.domain.credit_notes import CreditNote, RefundStatus
from functions.billing.domain.customers import Customer
from functions.billing.domain.disputes import Dispute, DisputeStatus
from functions.billing.domain.invoices import Invoice, InvoiceStatus, Purpose
from functions.billing.domain.payments import Payment
from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import GRACE_HOURS, OPERATORS
from functions.runtime.email.message import Attachment, OutgoingEmail
from functions.runtime.email.transport import EmailTransport
from functions.wire.email_layout import Block, Command, render


class EmailMailer:
    """Operators (`CAPSULE_OPERATORS`: addresses, comma-separated) are told what they must act on: disputes and failed refunds."""

    def __init__(self, transport: EmailTransport, settings: Settings) -> None:
        self._transport = transport
        self._grace_hours = float(settings.value(GRACE_HOURS))
        self._operators = settings.value(OPERATORS)

    async def send_invoice(self, invoice: Invoice, customer: Customer, pdf: bytes) -> None:
        payment = "Your card is charged automatically. You do not need to do anything."
        if invoice.status is InvoiceStatus.PAID:
            payment = "It is paid. You do not need to do anything."
        elif invoice.purpose is Purpose.FINAL:
            payment = f"It is what you owe after the end of your {invoice.plan_code} plan. It is not charged automatically: pay it when you can."
        blocks: list[Block] = [
            f"Invoice {invoice.number} for {invoice.total} is attached.",
            payment,
            "See it with its payments, or list all your invoices:",
            Command(f"capsule invoices show {invoice.number}"),
            Command("capsule invoices list"),
        ]
        attachment = Attachment(f"invoice-{invoice.number}.pdf", "application/pdf", pdf)
        subject = f"Capsule invoice {invoice.number}"
        await self._transport.send(OutgoingEmail(invoice.id, _recipient(invoice, customer), subject, *render(blocks), attachments=(attachment,)))

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
        await self._transport.send(
            OutgoingEmail(payment.id, _recipient(invoice, customer), f"Capsule payment of {payment.amount} was declined", *render(blocks))
        )

    async def send_invoice_voided(self, invoice: Invoice, reason: str, customer: Customer) -> None:
        blocks: list[Block] = [
            f"Invoice {invoice.number} for {invoice.total} is void: you do not owe it. {reason}",
            "If something remains to be paid, another invoice says so. All your invoices:",
            Command("capsule invoices list"),
        ]
        subject = f"Capsule invoice {invoice.number} is void"
        await self._transport.send(OutgoingEmail(uuid5(invoice.id, "void"), _recipient(invoice, customer), subject, *render(blocks)))

    async def send_credit_note(self, note: CreditNote, invoice: Invoice, customer: Customer, pdf: bytes) -> None:
        blocks: list[Block] = [f"Credit note {note.number} for {note.amount} of invoice {invoice.number} is attached. Reason: {note.reason}"]
        if note.status is RefundStatus.FAILED:
            blocks.append(f"The refund to your card failed: {note.failure} The amount is still yours: we pay it in another way.")
        else:
            blocks.append("The amount is refunded to your card. Banks take up to ten days to show it.")
        blocks += ["See the invoice with its refunds:", Command(f"capsule invoices show {invoice.number}")]
        attachment = Attachment(f"credit-note-{note.number}.pdf", "application/pdf", pdf)
        subject = f"Capsule credit note {note.number}"
        intent = uuid5(note.id, note.status.value)
        await self._transport.send(OutgoingEmail(intent, _recipient(invoice, customer), subject, *render(blocks), attachments=(attachment,)))
        if note.status is RefundStatus.FAILED:
            await self._tell_operators(
                intent,
                f"The refund of {note.amount} to {_recipient(invoice, customer)} failed",
                [f"Credit note {note.number} of invoice {invoice.number}: {note.failure} Pay the customer in another way."],
            )

    async def send_dispute(self, dispute: Dispute, invoice: Invoice, customer: Customer) -> None:
        intent, subject = uuid5(dispute.id, dispute.status.value), f"Capsule payment of {dispute.amount} is disputed"
        match dispute.status:
            case DisputeStatus.OPEN:
                text = "Your bank demands it back. If you did not want that, withdraw the dispute at your bank."
            case DisputeStatus.WON:
                subject, text = "Capsule dispute decided", "The dispute was decided: the payment stays valid."
            case DisputeStatus.LOST:
                subject, text = "Capsule dispute decided", "The dispute was decided: your bank returns the amount to you."
        await self._transport.send(
            OutgoingEmail(
                intent, _recipient(invoice, customer), subject, *render([f"Your payment of {dispute.amount} for invoice {invoice.number}: {text}"])
            )
        )
        advice = "" if dispute.status is not DisputeStatus.OPEN else " Answer it in the dashboard of Stripe."
        await self._tell_operators(
            intent,
            f"Dispute of {dispute.amount} by {_recipient(invoice, customer)} is {dispute.status}",
            [f"Dispute {dispute.provider_id} of invoice {invoice.number}, reason {dispute.reason}.{advice}"],
        )

    async def send_usage_threshold(self, reached: UsageThresholdReached, customer: Customer) -> None:
        await self._transport.send(usage_threshold_email(reached, customer, self._grace_hours))

    async def send_account_standing(self, changed: AccountStandingChanged, customer: Customer) -> None:
        await self._transport.send(account_standing_email(changed, customer))

    async def _tell_operators(self, intent: UUID, subject: str, blocks: list[Block]) -> None:
        for address in self._operators:
            await self._transport.send(OutgoingEmail(uuid5(intent, address), address, subject, *render(blocks)))


def _recipient(invoice: Invoice, customer: Customer) -> str:
    """The customer's address; after the deletion of the account that of the invoice."""
    return customer.email or invoice.buyer_email or ""
