"""Ports to the database of the billing context."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from functions.billing.domain.credit_notes import CreditNote
from functions.billing.domain.customers import Customer
from functions.billing.domain.disputes import Dispute
from functions.billing.domain.invoices import Invoice
from functions.billing.domain.ledger import Transaction
from functions.billing.domain.payments import Payment
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import Plan
from functions.billing.domain.rated_periods import RatedPeriod
from functions.billing.domain.rejections import CustomerNotFound
from functions.billing.domain.subscribers import Subscriber
from functions.billing.domain.subscriptions import Subscription
from functions.billing.domain.usage import EnvironmentUsage, UsageRecord


class Customers(Protocol):
    async def add(self, customer: Customer) -> None:
        """Raises CustomerExists if the user is a customer already."""
        ...

    async def get_by_user(self, user_id: UUID) -> Customer | None: ...

    async def get(self, customer_id: UUID) -> Customer: ...

    async def set_provider_id(self, customer_id: UUID, provider_id: str) -> None:
        """Store the id of the customer's account at the provider, unless there is one. Clears a refusal."""
        ...

    async def set_account_refusal(self, customer_id: UUID, reason: str) -> None:
        """Close paid plans to the customer, unless there is an account at the provider."""
        ...

    async def set_payment_method(self, customer_id: UUID, payment_method: str) -> None: ...


class Plans(Protocol):
    async def list_offered(self, at: datetime) -> Sequence[Plan]:
        """The newest version of each plan on offer, cheapest first."""
        ...

    async def get_offered(self, code: str, at: datetime) -> Plan:
        """The newest version of a plan on offer. Raises LookupError if there is no plan with that code."""
        ...

    async def get(self, code: str, version: int) -> Plan:
        """Raises LookupError."""
        ...


class Subscriptions(Protocol):
    async def add(self, subscription: Subscription) -> None: ...

    async def get_current(self, customer_id: UUID) -> Subscription | None:
        """The customer's subscription that has not ended."""
        ...

    async def lock(self, customer_id: UUID) -> Subscription | None:
        """As `get_current`, and lock it until the transaction ends. The lock covers the customer's invoices and payments: take it first."""
        ...

    async def save(self, subscription: Subscription) -> None:
        """Update by compare-and-set on `version`. Raises Transient if the row has changed since it was read."""
        ...

    async def list_ended(self, before: datetime, limit: int) -> Sequence[Subscription]:
        """Subscriptions whose current period ended at or before that time, oldest first."""
        ...


class RatedPeriods(Protocol):
    """Change only under the lock of the subscription."""

    async def save(self, period: RatedPeriod) -> None:
        """Insert the period, or update what is billed of it and whether it is open."""
        ...

    async def get(self, subscription_id: UUID, begin: datetime) -> RatedPeriod | None:
        """The period that begins at that time."""
        ...

    async def list_open(self, subscription_id: UUID) -> Sequence[RatedPeriod]:
        """The periods whose usage may still have to be billed, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class Subscribers:
    """Finds the customer of a user with their subscription. Not a Protocol, because it only combines two ports."""

    customers: Customers
    subscriptions: Subscriptions

    async def get(self, user_id: UUID) -> Subscriber:
        """Raises CustomerNotFound."""
        customer = await self.customers.get_by_user(user_id)
        return self._subscriber(customer, await self.subscriptions.get_current(customer.id) if customer else None)

    async def lock(self, user_id: UUID) -> Subscriber:
        """As `get`, with the subscription locked until the transaction ends. Raises CustomerNotFound."""
        customer = await self.customers.get_by_user(user_id)
        return self._subscriber(customer, await self.subscriptions.lock(customer.id) if customer else None)

    @staticmethod
    def _subscriber(customer: Customer | None, subscription: Subscription | None) -> Subscriber:
        if customer is None or subscription is None:
            raise CustomerNotFound
        return Subscriber(customer, subscription)


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

    async def list_issued(self, customer_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Invoice]:
        """The customer's issued invoices with an id below `before`, newest first."""
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

    async def list_for_payment(self, payment_id: UUID) -> Sequence[Dispute]: ...


class Ledger(Protocol):
    async def post(self, transaction: Transaction) -> None:
        """Append a transaction. Each kind is posted once per reference."""
        ...

    async def balance(self, customer_id: UUID) -> dict[tuple[str, str], int]:
        """(account, currency) → sum in minor units."""
        ...


class WebhookEvents(Protocol):
    async def add(self, id: str, type: str, at: datetime) -> bool:
        """Record a webhook event. Returns False if it was recorded before."""
        ...

    async def prune(self, before: datetime) -> int:
        """Delete events received before that time. Returns their number."""
        ...


class Usage(Protocol):
    async def record(self, record: UsageRecord) -> bool:
        """Add the record to its hour. Returns False, and adds nothing, if its id was recorded before."""
        ...

    async def by_environment(self, user_id: UUID, period: Period) -> Sequence[EnvironmentUsage]:
        """The usage of a period, summed by application and environment and sorted by both."""
        ...

    async def prune_ids(self, before: datetime) -> int:
        """Delete one batch of records (not their sums) with a window that began before that time. Returns their number."""
        ...


class Housekeeping(Protocol):
    """The runtime's own clean-up of this context's database: unsent events, old inbox rows, old replies."""

    async def sweep(self) -> None: ...
