"""What the outcome of a payment changes in its invoice and subscription."""

from datetime import datetime

from functions.billing.domain.charges import suspended_fee
from functions.billing.domain.invoices import Invoice, InvoiceStatus, LineKind, Purpose
from functions.billing.domain.payments import Payment
from functions.billing.domain.plans import Plan
from functions.billing.domain.subscriptions import Subscription


def apply_success(invoice: Invoice, subscription: Subscription, now: datetime) -> None:
    """Mark the invoice as paid and start the plan that it pays for.

    If the invoice was voided in the meantime, nothing changes: the ledger shows a balance in the customer's favour.
    """
    if invoice.status is not InvoiceStatus.OPEN:
        return
    invoice.mark_paid(now)
    if invoice.purpose is Purpose.UPGRADE or _renews_ended_plan(invoice, subscription, now):
        subscription.upgrade(invoice.plan_code, invoice.plan_version, invoice.period, now)


def reactivate(subscription: Subscription, plan: Plan, now: datetime) -> None:
    """End a suspension: all invoices are paid. The paid time in which the plan was suspended is credited to the next invoice."""
    if subscription.suspended_at is not None:
        subscription.credit_minor += suspended_fee(plan, subscription.current_period, subscription.suspended_at, now).amount
    subscription.reactivate()


def apply_decline(payment: Payment, invoice: Invoice, subscription: Subscription, now: datetime) -> None:
    """Void an upgrade. Schedule the retry of a renewal, or suspend the subscription after the last one. A final invoice stays open."""
    if invoice.status is InvoiceStatus.DRAFT:
        invoice.void(now)
    elif invoice.status is InvoiceStatus.OPEN and invoice.issued_at is not None and invoice.purpose is not Purpose.FINAL:
        if payment.schedule_retry(invoice.issued_at, now) is None:
            subscription.suspend(now)
        else:
            subscription.mark_past_due()


def _renews_ended_plan(invoice: Invoice, subscription: Subscription, now: datetime) -> bool:
    """Whether the customer pays for a current period although the plan has ended."""
    has_fee = any(line.kind is LineKind.FEE for line in invoice.lines)
    return has_fee and subscription.is_free and invoice.period.begin <= now < invoice.period.end
