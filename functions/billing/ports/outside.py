"""Ports to the systems outside Capsule that the billing context calls: the payment provider, e-mail, PDF."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from events.billing import UsageThresholdReached
from events.deploy import AccountStandingChanged
from functions.billing.domain.credit_notes import CreditNote, ProviderRefund
from functions.billing.domain.customers import Customer
from functions.billing.domain.disputes import Dispute, ProviderDispute
from functions.billing.domain.invoices import Invoice
from functions.billing.domain.payment_methods import PaymentMethodChange
from functions.billing.domain.payments import Payment, ProviderResult
from functions.kernel import Permanent, Transient


class ProviderUnavailable(Transient):
    """The payment provider does not answer."""


class ProviderRefused(Permanent):
    """The payment provider rejects a request that should be valid. An operator must look."""


class PaymentProvider(Protocol):
    """Moves money. External: not inside a transaction. Every call is idempotent: it has an idempotency key derived from
    its subject.

    Raises ProviderUnavailable, ProviderRefused, RateLimited.
    """

    async def open_account(self, customer: Customer) -> str:
        """Create the customer at the provider. Returns its id there."""
        ...

    async def close_account(self, customer: Customer) -> None:
        """Delete the customer at the provider, with the payment methods there. Payments stay known. Idempotent."""
        ...

    async def attach(self, change: PaymentMethodChange, customer: Customer) -> ProviderResult:
        """Attach the payment method to the customer, without a charge. A declined or unknown method is a result, not an error."""
        ...

    async def charge(self, payment: Payment, customer: Customer) -> ProviderResult:
        """A declined charge is a result, not an error."""
        ...

    async def get_charge(self, provider_id: str) -> ProviderResult:
        """The current state of a charge."""
        ...

    async def refund(self, note: CreditNote, payment: Payment) -> ProviderResult:
        """Refund the note's amount; with a `provider_id`, read the state of its refund."""
        ...

    async def list_refunds(self, payment: Payment) -> Sequence[ProviderRefund]:
        """All refunds of a payment, whoever made them, oldest first."""
        ...

    async def list_disputes(self, payment: Payment) -> Sequence[ProviderDispute]:
        """The disputes of a payment for which money was withdrawn, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """An event from the provider.

    `payment_id`: our payment that it names. `provider_payment_id`: the payment's id at the provider. `is_reversal`: it is
    about a refund or dispute of the payment, not about the payment itself.
    """

    id: str
    type: str
    payment_id: UUID | None = None
    provider_payment_id: str | None = None
    is_reversal: bool = False


class WebhookVerifier(Protocol):
    def parse(self, body: bytes, signature: str) -> WebhookEvent:
        """Raises InvalidWebhookSignature, InvalidWebhook."""
        ...


class InvoiceRenderer(Protocol):
    async def render_pdf(self, invoice: Invoice, notes: Sequence[CreditNote], customer: Customer) -> bytes:
        """The invoice as a PDF, with its credit notes marked. The same invoice in the same state yields the same bytes."""
        ...


class CreditNoteRenderer(Protocol):
    async def render_pdf(self, note: CreditNote, invoice: Invoice, customer: Customer) -> bytes:
        """The credit note as a PDF. The same note yields the same bytes."""
        ...


class Mailer(Protocol):
    """Sends the e-mails of this context. External: not inside a transaction. Raises Transient or Permanent."""

    async def send_invoice(self, invoice: Invoice, customer: Customer, pdf: bytes) -> None: ...

    async def send_payment_failed(self, payment: Payment, invoice: Invoice, customer: Customer) -> None: ...

    async def send_invoice_voided(self, invoice: Invoice, reason: str, customer: Customer) -> None: ...

    async def send_credit_note(self, note: CreditNote, invoice: Invoice, customer: Customer, pdf: bytes) -> None:
        """Send a credit note whose refund has an outcome."""
        ...

    async def send_dispute(self, dispute: Dispute, invoice: Invoice, customer: Customer) -> None: ...

    async def send_usage_threshold(self, reached: UsageThresholdReached, customer: Customer) -> None: ...

    async def send_account_standing(self, changed: AccountStandingChanged, customer: Customer) -> None: ...
