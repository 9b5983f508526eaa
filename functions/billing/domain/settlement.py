"""What the outcome of a payment changes in its invoice and subscription."""

from datetime import datetime

from functions.billing.domain.invoices import Invoice, InvoiceStatus, Purpose
from functions.billing.domain.payments import Payment
from functions.billing.domain.subscriptions import Subscription


def apply_success(invoice: Invoice, subscription: Subscription, now: datetime) -> None:
    """Mark the invoice as paid and start a purchased upgrade.

    If the invoice was voided in the meantime, nothing changes: the ledger shows a balance in the customer's favour.
    """
    if invoice.status is not InvoiceStatus.OPEN:
        return
    invoice.mark_paid(now)
    if invoice.purpose is Purpose.UPGRADE:
        subscription.upgrade(invoice.plan_code, invoice.plan_version, invoice.period, now)


def apply_decline(payment: Payment, invoice: Invoice, subscription: Subscription, now: datetime) -> None:
    """Void an upgrade. Schedule the retry of a renewal, or suspend the subscription after the last one."""
    if invoice.status is InvoiceStatus.DRAFT:
        invoice.void(now)
    elif invoice.status is InvoiceStatus.OPEN and invoice.issued_at is not None:
        if payment.schedule_retry(invoice.issued_at, now) is None:
            subscription.suspend()
        else:
            subscription.mark_past_due()
