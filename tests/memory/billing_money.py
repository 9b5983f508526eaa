"""In-memory subscriptions, invoices, payments, ledger and webhook events.

The contract suites in `tests/adapters` run on these and on PostgreSQL. Rows are copied in and out, so only saved changes
are stored and stale rows are rejected.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from functions.billing.domain.invoices import Invoice, InvoiceStatus, Purpose, format_number
from functions.billing.domain.ledger import Transaction
from functions.billing.domain.payments import Payment, PaymentStatus
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import Meter
from functions.billing.domain.rated_periods import RatedPeriod
from functions.billing.domain.rejections import ChangeInProgress, InvoiceNotFound
from functions.billing.domain.subscriptions import Subscription, SubscriptionStatus
from functions.kernel import Transient


class Row(Protocol):
    id: UUID
    version: int


R = TypeVar("R", bound=Row)


class Rows(dict[UUID, R]):
    """A table with a version column."""

    def insert(self, row: R) -> None:
        self[row.id] = deepcopy(row)

    def update_row(self, row: R) -> None:
        if self[row.id].version != row.version:
            raise Transient(f"{row.id} has changed since it was read")
        row.version += 1
        self[row.id] = deepcopy(row)

    def where(self, condition: Callable[[R], bool], by: Callable[[R], object] = lambda row: row.id) -> list[R]:
        return sorted((deepcopy(row) for row in self.values() if condition(row)), key=by)  # type: ignore[arg-type]


class MemorySubscriptions:
    def __init__(self) -> None:
        self.subscriptions: Rows[Subscription] = Rows()

    async def add(self, subscription: Subscription) -> None:
        self.subscriptions.insert(subscription)

    async def get_current(self, customer_id: UUID) -> Subscription | None:
        current = self.subscriptions.where(lambda row: row.customer_id == customer_id and row.status is not SubscriptionStatus.ENDED)
        return current[0] if current else None

    async def current_of(self, customer_ids: Collection[UUID]) -> Mapping[UUID, Subscription]:
        found = {each: await self.get_current(each) for each in customer_ids}
        return {customer_id: subscription for customer_id, subscription in found.items() if subscription}

    lock = get_current

    async def save(self, subscription: Subscription) -> None:
        self.subscriptions.update_row(subscription)

    async def end(self, subscription: Subscription, at: datetime) -> None:
        self.subscriptions[subscription.id].status = SubscriptionStatus.ENDED
        self.subscriptions[subscription.id].suspended_at = None

    async def list_ended(self, before: datetime, limit: int) -> Sequence[Subscription]:
        ended = self.subscriptions.where(lambda row: row.billed_until <= before, lambda row: row.billed_until)
        return [row for row in ended if row.status is not SubscriptionStatus.ENDED][:limit]

    async def list_to_review(self, now: datetime, limit: int) -> Sequence[Subscription]:
        return self.subscriptions.where(lambda row: not row.is_announced or (row.exhausted_until is not None and row.exhausted_until <= now))[:limit]


class MemoryUsageNotices:
    def __init__(self) -> None:
        self.last: dict[tuple[UUID, Meter], tuple[datetime, int]] = {}

    async def record(self, subscription_id: UUID, meter: Meter, period_begin: datetime, percent: int) -> bool:
        last = self.last.get((subscription_id, meter))
        if last is not None and last >= (period_begin, percent):
            return False
        self.last[subscription_id, meter] = period_begin, percent
        return True


class MemoryRatedPeriods:
    def __init__(self) -> None:
        self.periods: dict[tuple[UUID, datetime], RatedPeriod] = {}

    async def save(self, period: RatedPeriod) -> None:
        self.periods[period.subscription_id, period.period.begin] = deepcopy(period)

    async def get(self, subscription_id: UUID, begin: datetime) -> RatedPeriod | None:
        return deepcopy(self.periods.get((subscription_id, begin)))

    async def list_open(self, subscription_id: UUID) -> Sequence[RatedPeriod]:
        found = [deepcopy(each) for each in self.periods.values() if each.subscription_id == subscription_id and each.is_open]
        return sorted(found, key=lambda each: each.period.begin)


class MemoryInvoices:
    def __init__(self) -> None:
        self.invoices: Rows[Invoice] = Rows()
        self.numbers: dict[str, int] = {}

    async def add(self, invoice: Invoice) -> None:
        if invoice.purpose is Purpose.UPGRADE and await self.get_pending_upgrade(invoice.subscription_id):
            raise ChangeInProgress
        self.invoices.insert(invoice)

    async def get(self, invoice_id: UUID) -> Invoice:
        if invoice_id not in self.invoices:
            raise InvoiceNotFound
        return deepcopy(self.invoices[invoice_id])

    async def save(self, invoice: Invoice) -> None:
        self.invoices.update_row(invoice)

    async def get_pending_upgrade(self, subscription_id: UUID) -> Invoice | None:
        drafts = self.invoices.where(
            lambda row: (row.subscription_id, row.purpose, row.status) == (subscription_id, Purpose.UPGRADE, InvoiceStatus.DRAFT)
        )
        return drafts[0] if drafts else None

    async def has_open(self, customer_id: UUID) -> bool:
        return any(row.customer_id == customer_id and row.status is InvoiceStatus.OPEN for row in self.invoices.values())

    async def list_open(self, customer_id: UUID) -> Sequence[Invoice]:
        return self.invoices.where(lambda row: row.customer_id == customer_id and row.status is InvoiceStatus.OPEN)

    async def list_for_period(self, customer_id: UUID, period: Period) -> Sequence[Invoice]:
        issued = (InvoiceStatus.OPEN, InvoiceStatus.PAID)
        return self.invoices.where(lambda row: row.customer_id == customer_id and row.status in issued and row.period.begin == period.begin)

    async def list_issued(self, customer_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Invoice]:
        issued = self.invoices.where(lambda row: row.customer_id == customer_id and row.number is not None and (before is None or row.id < before))
        return issued[::-1][:limit]

    async def list_all(self, customer_id: UUID | None, status: InvoiceStatus | None, *, before: UUID | None, limit: int) -> Sequence[Invoice]:
        found = self.invoices.where(
            lambda row: (
                row.number is not None
                and customer_id in (None, row.customer_id)
                and status in (None, row.status)
                and (before is None or row.id < before)
            )
        )
        return found[::-1][:limit]

    async def reserve_number(self, series: str) -> str:
        self.numbers[series] = self.numbers.get(series, 0) + 1
        return format_number(series, self.numbers[series])


class MemoryPayments:
    def __init__(self, invoices: MemoryInvoices) -> None:
        self.payments: Rows[Payment] = Rows()
        self._invoices = invoices

    async def add(self, payment: Payment) -> None:
        if any(row.invoice_id == payment.invoice_id and (row.is_pending or row.attempt == payment.attempt) for row in self.payments.values()):
            raise ChangeInProgress
        self.payments.insert(payment)

    async def get(self, payment_id: UUID) -> Payment | None:
        return deepcopy(self.payments.get(payment_id))

    async def save(self, payment: Payment) -> None:
        self.payments.update_row(payment)

    async def get_by_provider_id(self, provider_id: str) -> Payment | None:
        return _last(self.payments.where(lambda row: row.provider_id == provider_id))

    async def get_last_attempt(self, invoice_id: UUID) -> Payment | None:
        return _last(self.payments.where(lambda row: row.invoice_id == invoice_id, lambda row: row.attempt))

    async def get_latest(self, customer_id: UUID) -> Payment | None:
        return _last(self.payments.where(lambda row: row.customer_id == customer_id))

    async def list_pending(self, before: datetime, limit: int) -> Sequence[Payment]:
        return self.payments.where(lambda row: row.is_pending and row.created_at < before, lambda row: row.created_at)[:limit]

    async def list_all(self, customer_id: UUID | None, status: PaymentStatus | None, *, before: UUID | None, limit: int) -> Sequence[Payment]:
        found = self.payments.where(
            lambda row: customer_id in (None, row.customer_id) and status in (None, row.status) and (before is None or row.id < before)
        )
        return found[::-1][:limit]

    async def list_due_retries(self, before: datetime, limit: int) -> Sequence[Payment]:
        last = {row.invoice_id: row.id for row in sorted(self.payments.values(), key=lambda row: row.attempt)}

        def due(row: Payment) -> bool:
            is_open = self._invoices.invoices[row.invoice_id].status is InvoiceStatus.OPEN
            return row.retry_at is not None and row.retry_at < before and last[row.invoice_id] == row.id and is_open

        return self.payments.where(due, lambda row: row.retry_at)[:limit]


class MemoryLedger:
    def __init__(self) -> None:
        self.transactions: list[Transaction] = []

    async def post(self, transaction: Transaction) -> None:
        if any((each.kind, each.reference) == (transaction.kind, transaction.reference) for each in self.transactions):
            raise ValueError(f"{transaction.kind} of {transaction.reference} was posted before")
        self.transactions.append(transaction)

    async def balances(self, customer_ids: Collection[UUID]) -> Mapping[UUID, Mapping[tuple[str, str], int]]:
        found: dict[UUID, dict[tuple[str, str], int]] = {each: {} for each in customer_ids}
        for entry in (entry for each in self.transactions for entry in each.entries):
            if (sums := found.get(entry.customer_id)) is not None:
                key = (entry.account.value, entry.amount.currency)
                sums[key] = sums.get(key, 0) + entry.amount.amount
        return found


class MemoryWebhookEvents:
    def __init__(self) -> None:
        self.received: dict[str, datetime] = {}

    async def add(self, id: str, type: str, at: datetime) -> bool:
        if id in self.received:
            return False
        self.received[id] = at
        return True

    async def prune(self, before: datetime) -> int:
        expired = [id for id, at in self.received.items() if at < before]
        for id in expired:
            del self.received[id]
        return len(expired)


def _last(rows: Iterable[Payment]) -> Payment | None:
    return next(iter(reversed(list(rows))), None)
