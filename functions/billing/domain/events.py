"""Builds the events of the billing context from its entities."""

from datetime import datetime

from events.billing import Allowed, InvoiceIssued, PaymentAccountChanged, PaymentFailed, PaymentProcessed, PaymentRefunded, SubscriptionChanged
from functions.billing.domain.credit_notes import CreditNote
from functions.billing.domain.customers import AccountStatus, Customer
from functions.billing.domain.invoices import Invoice
from functions.billing.domain.payments import Payment
from functions.billing.domain.plans import Plan
from functions.billing.domain.subscriptions import Subscription, SubscriptionStatus

MAX_DETAIL_LENGTH = 500


def payment_account_changed(customer: Customer, status: AccountStatus, at: datetime, detail: str = "") -> PaymentAccountChanged:
    return PaymentAccountChanged(customer_id=customer.id, user_id=customer.user_id, status=status, detail=detail[:MAX_DETAIL_LENGTH], at=at)


def subscription_changed(subscription: Subscription, customer: Customer, plan: Plan, free: Plan, at: datetime) -> SubscriptionChanged:
    """`plan` is the subscription's. A suspended subscription has the entitlements of the free plan."""
    entitlements = (free if subscription.status is SubscriptionStatus.SUSPENDED else plan).entitlements
    return SubscriptionChanged(
        subscription_id=subscription.id,
        customer_id=customer.id,
        user_id=customer.user_id,
        plan=subscription.plan_code,
        plan_version=subscription.plan_version,
        status=subscription.status.value,
        allowed=Allowed(applications=entitlements.applications, memory_mib=entitlements.memory_mib),
        period_end=subscription.billed_until,
        next_plan=subscription.next_plan_code,
        at=at,
    )


def invoice_issued(invoice: Invoice, customer: Customer, at: datetime) -> InvoiceIssued:
    assert invoice.number is not None
    return InvoiceIssued(
        invoice_id=invoice.id,
        customer_id=customer.id,
        user_id=customer.user_id,
        number=invoice.number,
        total=invoice.total.amount,
        currency=invoice.total.currency,
        at=at,
    )


def payment_processed(payment: Payment, invoice: Invoice, customer: Customer, at: datetime) -> PaymentProcessed:
    return PaymentProcessed(
        payment_id=payment.id,
        invoice_id=invoice.id,
        customer_id=customer.id,
        user_id=customer.user_id,
        amount=payment.amount.amount,
        currency=payment.amount.currency,
        plan=invoice.plan_code,
        at=at,
    )


def payment_failed(payment: Payment, customer: Customer, at: datetime) -> PaymentFailed:
    return PaymentFailed(
        payment_id=payment.id,
        invoice_id=payment.invoice_id,
        customer_id=customer.id,
        user_id=customer.user_id,
        amount=payment.amount.amount,
        currency=payment.amount.currency,
        reason=payment.failure_code or "",
        detail=payment.failure_message or "",
        retry_at=payment.retry_at,
        at=at,
    )


def payment_refunded(note: CreditNote, payment: Payment, customer: Customer, at: datetime) -> PaymentRefunded:
    return PaymentRefunded(
        payment_id=payment.id,
        invoice_id=note.invoice_id,
        customer_id=customer.id,
        user_id=customer.user_id,
        amount=note.amount.amount,
        currency=note.amount.currency,
        credit_note_id=note.id,
        number=note.number,
        at=at,
    )
