"""Ports to the database of the billing context: invoices, payments, credit notes, disputes and the ledger."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from functions.billing.domain.credit_notes import CreditNote
from functions.billing.domain.disputes import Dispute
from functions.billing.domain.invoices import Invoice, InvoiceStatus
from functions.billing.domain.ledger import Transaction
from functions.billing.domain.payments import Payment, PaymentStatus
from functions.billing.domain.periods import Period


class Invoices(Protocol):
    async def add(self, invoice: Invoice) -> None:
        """Raises ChangeInProgress if the subscription has another draft of an upgrade."""
        ...

    async def get(self, invoice_id: UUID) -> Invoice:
        """Raises InvoiceNotFound."""
        ...

    async def save(self, invoice: Invoice) -> None:
        """Update by compare-and-set on `version`. Raises Transient if the row has changed since it was read."""
        ...

    async def get_pending_upgrade(self, subscription_id: UUID) -> Invoice | None:
        """The draft of an upgrade whose payment has no outcome yet."""
        ...

    async def has_open(self, customer_id: UUID) -> bool:
        """Whether the customer has an issued invoice that is not paid."""
        ...

    async def list_open(self, customer_id: UUID) -> Sequence[Invoice]:
        """The customer's issued invoices that are not paid, oldest first."""
        ...

    async def list_for_period(self, customer_id: UUID, period: Period) -> Sequence[Invoice]:
        """The customer's issued invoices for a period, without void ones, oldest first."""
        ...

    async def list_issued(self, customer_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Invoice]:
        """The customer's issued invoices with an id below `before`, newest first."""
        ...

    async def list_all(self, customer_id: UUID | None, status: InvoiceStatus | None, *, before: UUID | None, limit: int) -> Sequence[Invoice]:
        """Issued invoices of one or all customers, with an id below `before`, newest first."""
        ...

    async def reserve_number(self, series: str) -> str:
        """The next number of the series, without gaps. Concurrent callers wait until this transaction ends."""
        ...


class Payments(Protocol):
    async def add(self, payment: Payment) -> None:
        """Raises ChangeInProgress if another payment of the invoice is pending."""
        ...

    async def get(self, payment_id: UUID) -> Payment | None: ...

    async def get_by_provider_id(self, provider_id: str) -> Payment | None: ...

    async def save(self, payment: Payment) -> None:
        """Update by compare-and-set on `version`. Raises Transient if the row has changed since it was read."""
        ...

    async def get_last_attempt(self, invoice_id: UUID) -> Payment | None:
        """The invoice's payment with the highest attempt number."""
        ...

    async def get_latest(self, customer_id: UUID) -> Payment | None:
        """The customer's newest payment, of any invoice."""
        ...

    async def list_all(self, customer_id: UUID | None, status: PaymentStatus | None, *, before: UUID | None, limit: int) -> Sequence[Payment]:
        """Payments of one or all customers, with an id below `before`, newest first."""
        ...

    async def list_pending(self, before: datetime, limit: int) -> Sequence[Payment]:
        """Pending payments created before that time, oldest first."""
        ...

    async def list_due_retries(self, before: datetime, limit: int) -> Sequence[Payment]:
        """Failed last attempts of open invoices whose retry was due before that time."""
        ...


class CreditNotes(Protocol):
    async def add(self, note: CreditNote) -> None: ...

    async def get(self, note_id: UUID) -> CreditNote:
        """Raises LookupError."""
        ...

    async def save(self, note: CreditNote) -> None:
        """Update by compare-and-set on `version`. Raises Transient if the row has changed since it was read."""
        ...

    async def list_for_invoice(self, invoice_id: UUID) -> Sequence[CreditNote]: ...

    async def sum_by_invoice(self, invoice_ids: Sequence[UUID]) -> dict[UUID, int]:
        """Invoice → sum of its credit notes in minor units. Invoices without credit notes are missing."""
        ...

    async def list_pending(self, before: datetime, limit: int) -> Sequence[CreditNote]:
        """Notes issued before that time whose refund has no outcome, oldest first."""
        ...


class Disputes(Protocol):
    async def add(self, dispute: Dispute) -> None: ...

    async def get(self, dispute_id: UUID) -> Dispute:
        """Raises LookupError."""
        ...

    async def save(self, dispute: Dispute) -> None:
        """Update by compare-and-set on `version`. Raises Transient if the row has changed since it was read."""
        ...

    async def list_for_payments(self, payment_ids: Collection[UUID]) -> Sequence[Dispute]: ...


class Ledger(Protocol):
    async def post(self, transaction: Transaction) -> None:
        """Append a transaction. Each kind is posted once per reference."""
        ...

    async def balances(self, customer_ids: Collection[UUID]) -> Mapping[UUID, Mapping[tuple[str, str], int]]:
        """Of each of the customers: (account, currency) → sum in minor units."""
        ...


class WebhookEvents(Protocol):
    async def add(self, id: str, type: str, at: datetime) -> bool:
        """Record a webhook event. Returns False if it was recorded before."""
        ...

    async def prune(self, before: datetime) -> int:
        """Delete events received before that time. Returns their number."""
        ...
