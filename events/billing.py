"""What the billing context states: customers, plans and money (integers in minor units with an ISO 4217 currency)."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Event, Part


class CustomerCreated(Event, type="customer.created", subject="customer_id"):
    customer_id: UUID
    user_id: UUID
    plan: str
    at: datetime


class PaymentAccountChanged(Event, type="payment-account.changed", subject="customer_id"):
    """Where the customer's account at the payment provider stands. `status`: opened, delayed (the provider was away; nothing was done), refused (it
    will not have this customer) or given-up (paid plans are closed to the customer). `detail` is the sentence a person reads."""

    customer_id: UUID
    user_id: UUID
    status: str
    detail: str = ""
    at: datetime


class Allowed(Part):
    """What a plan lets its customer run: applications, and memory in MiB over all of them."""

    applications: int
    memory_mib: int


class SubscriptionChanged(Event, type="subscription.changed", subject="subscription_id"):
    """A customer's plan or standing is another now. `allowed` is what counts from here on: of the plan, or of the free one while `status` is
    `suspended`. `status`: active, past_due, suspended. `next_plan` begins at `period_end`, if it is named."""

    subscription_id: UUID
    customer_id: UUID
    user_id: UUID
    plan: str
    plan_version: int
    status: str
    allowed: Allowed
    period_end: datetime
    next_plan: str | None = None
    at: datetime


class InvoiceIssued(Event, type="invoice.issued", subject="invoice_id"):
    """An invoice has got its number and is open, or paid already."""

    invoice_id: UUID
    customer_id: UUID
    user_id: UUID
    number: str
    total: int
    currency: str
    at: datetime


class PaymentEvent(Event, abstract=True):
    payment_id: UUID
    invoice_id: UUID
    customer_id: UUID
    user_id: UUID
    amount: int
    currency: str
    at: datetime


class PaymentProcessed(PaymentEvent, type="payment.processed", subject="payment_id"):
    """Money has come. What it bought takes effect in the same moment: `subscription.changed` goes with it."""

    plan: str


class PaymentFailed(PaymentEvent, type="payment.failed", subject="payment_id"):
    """A charge was declined. `reason` is the provider's word, `detail` the sentence a person reads; `retry_at` when it is tried again, if it is."""

    reason: str
    detail: str
    retry_at: datetime | None = None


class PaymentRefunded(PaymentEvent, type="payment.refunded"):
    """Money of a paid invoice was given back; `amount` is what was."""

    credit_note_id: UUID
    number: str
