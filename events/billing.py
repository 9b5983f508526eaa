"""Events of the billing context: customers, subscriptions, invoices and payments.

Amounts are integers in minor units (cents) of the ISO 4217 currency in `currency`.
"""

from datetime import datetime
from uuid import UUID

from functions.kernel import Event, Part


class CustomerCreated(Event, type="customer.created", subject="customer_id"):
    """A customer was created for a new user.

    `plan`: the slug of the free plan.
    """

    customer_id: UUID
    user_id: UUID
    plan: str
    at: datetime


class PaymentAccountChanged(Event, type="payment-account.changed", subject="customer_id"):
    """The status of a payment account changed.

    The account is the customer's at the payment provider. `status`: `opened`; `delayed` (the provider was unavailable,
    nothing changed); `refused` (the provider does not accept the customer); `given-up` (the customer cannot subscribe to
    paid plans); `off` (the installation takes no payments, and needs no account). `detail`: for people.
    """

    customer_id: UUID
    user_id: UUID
    status: str
    detail: str = ""
    at: datetime


class AllowedStorage(Part):
    """How many data services, volumes and backups a plan allows, and how large they may be together.

    Backups: with snapshots of volumes.
    """

    data_services: int
    data_services_mib: int
    volumes: int
    volumes_mib: int
    backups: int
    backups_mib: int


class Allowed(Part):
    """The limits of a plan.

    `memory_mib`: MiB over all applications. `storage`: null in events of releases without such limits.
    """

    applications: int
    memory_mib: int
    storage: AllowedStorage | None = None


class SubscriptionChanged(Event, type="subscription.changed", subject="subscription_id"):
    """The plan or the status of a subscription changed.

    `status`: `active`, `past_due` or `suspended`. `allowed`: the limits from now on; those of the free plan while
    suspended. `next_plan`: the plan that begins at `period_end`, if a change is scheduled.
    """

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


class MeterAllowance(Part):
    """What a plan includes of a meter in a period."""

    meter: str
    included: int


class UsageAllowanceChanged(Event, type="usage-allowance.changed", subject="customer_id"):
    """What a plan includes is used up, or is available again.

    Only for plans that charge nothing beyond what they include. `exhausted`: the meters of which all is used; empty: none.
    `period_end`: when they are available again.
    """

    customer_id: UUID
    user_id: UUID
    plan: str
    exhausted: list[MeterAllowance]
    period_end: datetime
    at: datetime


class UsageThresholdReached(Event, type="usage-threshold.reached"):
    """A customer has used a share of what the plan includes of a meter.

    Once for each meter, period and threshold. `percent`: 80 or 100. `used`: in the period so far.
    """

    customer_id: UUID
    user_id: UUID
    plan: str
    meter: str
    percent: int
    used: int
    included: int
    period_end: datetime
    at: datetime


class InvoiceIssued(Event, type="invoice.issued", subject="invoice_id", is_public=True):
    """An invoice was issued: it has its number and is open or paid.

    `total`: minor units.
    """

    invoice_id: UUID
    customer_id: UUID
    user_id: UUID
    number: str
    total: int
    currency: str
    at: datetime


class InvoiceVoided(Event, type="invoice.voided", subject="invoice_id"):
    """An open invoice became void: nothing of it is owed.

    `total`: minor units. `reason`: for people.
    """

    invoice_id: UUID
    customer_id: UUID
    user_id: UUID
    number: str
    total: int
    currency: str
    reason: str
    at: datetime


class PaymentEvent(Event, abstract=True):
    """The fields of every payment event.

    `amount`: minor units of `currency`.
    """

    payment_id: UUID
    invoice_id: UUID
    customer_id: UUID
    user_id: UUID
    amount: int
    currency: str
    at: datetime


class PaymentProcessed(PaymentEvent, type="payment.processed", subject="payment_id", is_public=True):
    """A payment succeeded.

    `plan`: the plan that it paid for. What it paid for takes effect at once: `subscription.changed` is published with it.
    """

    plan: str


class PaymentFailed(PaymentEvent, type="payment.failed", subject="payment_id", is_public=True):
    """A payment was declined.

    `reason`: the provider's code. `detail`: for people. `retry_at`: when the payment is tried again; null: never.
    """

    reason: str
    detail: str
    retry_at: datetime | None = None


class PaymentRefunded(PaymentEvent, type="payment.refunded"):
    """A paid invoice was refunded, completely or in part.

    `amount`: what was refunded. `number`: of the credit note.
    """

    credit_note_id: UUID
    number: str


class RefundFailed(PaymentEvent, type="refund.failed"):
    """A refund did not reach the customer.

    `number`: of the credit note, which stays valid: the operator pays it in another way. `detail`: for people.
    """

    credit_note_id: UUID
    number: str
    detail: str


class DisputeChanged(PaymentEvent, type="dispute.changed"):
    """A customer's bank disputes a payment, or the dispute has ended.

    `status`: `open` (the provider has withdrawn the amount), `won` (it has been returned) or `lost`. `reason`: the provider's code.
    """

    dispute_id: UUID
    status: str
    reason: str
