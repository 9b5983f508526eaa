"""What follows from a payment's outcome, for its invoice and for the subscription."""

from datetime import datetime

from functions.billing.domain.invoices import Invoice, InvoiceStatus, Purpose
from functions.billing.domain.payments import Payment
from functions.billing.domain.subscriptions import Subscription


def collected(invoice: Invoice, subscription: Subscription, now: datetime) -> None:
    """The invoice is paid, and what an upgrade's has bought begins. If it was given up meanwhile, the customer has a balance with us, which
    the ledger shows."""
    if invoice.status is not InvoiceStatus.OPEN:
        return
    invoice.paid(now)
    if invoice.purpose is Purpose.UPGRADE:
        subscription.upgrade(invoice.plan_code, invoice.plan_version, invoice.period, now)


def declined(payment: Payment, invoice: Invoice, subscription: Subscription, now: datetime) -> None:
    """An upgrade is off. A renewal is tried again, later and later; after the last try the subscription is suspended."""
    if invoice.status is InvoiceStatus.DRAFT:
        invoice.void(now)
    elif invoice.status is InvoiceStatus.OPEN and invoice.issued_at is not None:
        if payment.try_again(invoice.issued_at, now) is None:
            subscription.suspend()
        else:
            subscription.fall_behind()
