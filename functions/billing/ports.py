"""What billing's use cases need from outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from functions.billing.domain.credits import CreditNote
from functions.billing.domain.customers import Customer
from functions.billing.domain.invoices import Invoice
from functions.billing.domain.ledger import Transaction
from functions.billing.domain.payments import Answer, Payment
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import Plan
from functions.billing.domain.subscriptions import RatedPeriod, Subscription
from functions.billing.domain.usage import UsageRecord, Use
from functions.kernel import Permanent, Transient


class Customers(Protocol):
    async def add(self, customer: Customer) -> None:
        """Raises CustomerExists if the user is a customer already."""
        ...

    async def of_user(self, user_id: UUID) -> Customer | None: ...

    async def get(self, customer_id: UUID) -> Customer: ...

    async def keep_provider_id(self, customer_id: UUID, provider_id: str) -> None:
        """The first one stays. Paid plans are open to the customer."""
        ...

    async def refuse_account(self, customer_id: UUID, reason: str) -> None:
        """Closes paid plans to the customer, unless there is an account at the provider."""
        ...

    async def keep_payment_method(self, customer_id: UUID, payment_method: str) -> None: ...


class Plans(Protocol):
    async def on_offer(self, at: datetime) -> Sequence[Plan]:
        """Of each code the version that a subscription beginning now gets, the cheapest first."""
        ...

    async def offered(self, code: str, at: datetime) -> Plan:
        """The version that a subscription beginning now gets. Raises LookupError if no plan of that code is on offer."""
        ...

    async def get(self, code: str, version: int) -> Plan:
        """Raises LookupError."""
        ...


class Subscriptions(Protocol):
    async def add(self, subscription: Subscription) -> None: ...

    async def running(self, customer_id: UUID) -> Subscription | None:
        """The one that has not ended."""
        ...

    async def locked(self, customer_id: UUID) -> Subscription | None:
        """As `running`; until this transaction ends nobody else changes it, nor the customer's invoices and payments: who does locks it first."""
        ...

    async def save(self, subscription: Subscription) -> None: ...

    async def ended_before(self, moment: datetime, limit: int) -> Sequence[Subscription]:
        """Those whose running period was over by then, the oldest first."""
        ...

    async def rated(self, period: RatedPeriod) -> None:
        """Keeps it, or what is now billed for it."""
        ...

    async def last_rated(self, subscription_id: UUID) -> RatedPeriod | None: ...


class Invoices(Protocol):
    async def add(self, invoice: Invoice) -> None:
        """Raises ChangeUnderWay if it is the draft of a second upgrade."""
        ...

    async def get(self, invoice_id: UUID) -> Invoice:
        """Raises InvoiceNotFound."""
        ...

    async def save(self, invoice: Invoice) -> None: ...

    async def under_way(self, subscription_id: UUID) -> Invoice | None:
        """The draft of an upgrade that is being paid."""
        ...

    async def is_overdue(self, customer_id: UUID) -> bool:
        """Whether one is open."""
        ...

    async def page(self, customer_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Invoice]:
        """The customer's issued invoices, newest first."""
        ...

    async def next_number(self, series: str) -> str:
        """The next of its series, without a gap: who asks at the same time waits until this transaction ends."""
        ...


class Payments(Protocol):
    async def add(self, payment: Payment) -> None:
        """Raises ChangeUnderWay while another payment of that invoice is pending."""
        ...

    async def get(self, payment_id: UUID) -> Payment | None: ...

    async def save(self, payment: Payment) -> None: ...

    async def last_of(self, invoice_id: UUID) -> Payment | None:
        """The one with the highest attempt."""
        ...

    async def latest(self, customer_id: UUID) -> Payment | None: ...

    async def unsettled(self, before: datetime, limit: int) -> Sequence[Payment]:
        """Pending since before then."""
        ...

    async def to_retry(self, before: datetime, limit: int) -> Sequence[Payment]:
        """Failed ones whose next try was due before then and was not made."""
        ...


class Credits(Protocol):
    async def add(self, note: CreditNote) -> None: ...

    async def get(self, note_id: UUID) -> CreditNote: ...

    async def save(self, note: CreditNote) -> None: ...

    async def of_invoice(self, invoice_id: UUID) -> Sequence[CreditNote]: ...

    async def unsettled(self, before: datetime, limit: int) -> Sequence[CreditNote]: ...


class Ledger(Protocol):
    async def post(self, transaction: Transaction) -> None: ...

    async def balance(self, customer_id: UUID) -> dict[tuple[str, str], int]:
        """(account, currency) → sum."""
        ...


class Notices(Protocol):
    async def first_seen(self, id: str, type: str, at: datetime) -> bool:
        """False if the provider has sent this notice before."""
        ...

    async def forget(self, before: datetime) -> int: ...


class Usage(Protocol):
    async def record(self, record: UsageRecord) -> bool:
        """Adds the record to its hour, unless its id has been added before. True if it was added."""
        ...

    async def within(self, user_id: UUID, period: Period) -> Sequence[Use]:
        """What was used in the hours of a period, by application and environment, in a stable order."""
        ...

    async def forget_ids(self, before: datetime) -> int:
        """Forgets records (not their sums) whose window began before this; some at a time. How many were forgotten."""
        ...


class ProviderAway(Transient):
    """The payment provider does not answer, or not now."""


class ProviderRefused(Permanent):
    """The payment provider will not have what we ask; a person has to look."""


class PaymentProvider(Protocol):
    """Who takes the money. Every call bears being repeated: it carries an idempotency key of what it is about.
    Raises ProviderAway, ProviderRefused, RateLimited."""

    async def open_account(self, customer: Customer) -> str:
        """The provider's id for the customer."""
        ...

    async def charge(self, payment: Payment, customer: Customer) -> Answer:
        """A declined charge is an answer, too."""
        ...

    async def look(self, provider_id: str) -> Answer:
        """What became of a charge."""
        ...

    async def refund(self, note: CreditNote, payment: Payment) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Notice:
    """The provider says that something happened to one of our payments (None: to something else)."""

    id: str
    type: str
    payment_id: UUID | None


class NoticeReader(Protocol):
    def read(self, body: bytes, signature: str) -> Notice:
        """Raises BadSignature."""
        ...


class Printer(Protocol):
    async def invoice(self, invoice: Invoice, customer: Customer) -> bytes:
        """A PDF, the same every time."""
        ...


class Mailer(Protocol):
    """Raises Transient or Permanent."""

    async def send_invoice(self, invoice: Invoice, customer: Customer, pdf: bytes) -> None: ...

    async def send_payment_failed(self, payment: Payment, invoice: Invoice, customer: Customer) -> None: ...


class Housekeeping(Protocol):
    """What the runtime keeps in every context's database and has to be swept: unsent events, old inbox rows."""

    async def sweep(self) -> None: ...
