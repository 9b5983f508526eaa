"""The whole billing context over memory: its events are delivered to its handlers, time passes when it is told to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from events.auth import UserCreated
from events.billing import InvoiceIssued, PaymentFailed
from events.monitor import UsageMeasured
from functions.billing.commands.cancel_subscription import CancelSubscription, cancel_subscription
from functions.billing.commands.pay_invoice import PayInvoice, PaymentAccepted, pay_invoice
from functions.billing.commands.refund_invoice import RefundAccepted, RefundInvoice, refund_invoice
from functions.billing.commands.resume_subscription import ResumeSubscription, resume_subscription
from functions.billing.commands.subscribe import Subscribe, subscribe
from functions.billing.domain.views import ChangeAccepted
from functions.billing.domain.credit_notes import RefundRequested
from functions.billing.domain.customers import Customer
from functions.billing.domain.invoices import Invoice
from functions.billing.domain.payments import Payment, PaymentRequested, PaymentRetryRequested
from functions.billing.domain.subscriptions import PeriodEnded
from functions.billing.handlers.housekeeping import housekeeping
from functions.billing.handlers.on_invoice_issued import on_invoice_issued
from functions.billing.handlers.on_payment_failed import on_payment_failed
from functions.billing.handlers.on_payment_requested import on_payment_requested
from functions.billing.handlers.on_payment_retry_requested import on_payment_retry_requested
from functions.billing.handlers.on_period_ended import on_period_ended
from functions.billing.handlers.on_refund_requested import on_refund_requested
from functions.billing.handlers.on_usage_measured import on_usage_measured
from functions.billing.handlers.on_user_created import on_user_created
from functions.billing.queries.invoices import InvoicePage, ListInvoices, invoices
from functions.billing.queries.subscription import ShowSubscription, SubscriptionView, subscription
from functions.kernel import Caller, Clock, Delayed, Done, Event, new_id
from tests.memory.billing import MemoryCustomers, MemoryPlans, MemoryUsage
from tests.memory.billing_money import MemoryCreditNotes, MemoryInvoices, MemoryLedger, MemoryWebhookEvents, MemoryPayments, MemorySubscriptions
from tests.memory.billing_provider import MemoryProvider

NOW = datetime(2026, 5, 20, 10, 30, tzinfo=UTC)
USER, OTHER = UUID(int=1), UUID(int=2)
E = TypeVar("E", bound=Event)


class StandingClock(Clock):
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


class PlainWork:
    """Transactions that may not be nested, and what was said in them."""

    def __init__(self) -> None:
        self.open = False
        self.said: list[Any] = []

    def emit(self, *events: Any) -> None:
        self.said.extend(events)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        assert not self.open, "a transaction inside of a transaction"
        self.open = True
        try:
            yield
        finally:
            self.open = False

    preparing = reading

    @asynccontextmanager
    async def recording(self) -> AsyncIterator["PlainWork"]:
        async with self.reading():
            yield self


class GuardedProvider(MemoryProvider):
    """Is never asked while a transaction is open."""

    work: PlainWork | None = None

    def _reach(self) -> None:
        assert self.work is None or not self.work.open, "the provider was called inside of a transaction"
        super()._reach()


class Postbox:
    def __init__(self) -> None:
        self.sent: list[tuple[str, UUID]] = []

    async def send_invoice(self, invoice: Invoice, customer: Customer, pdf: bytes) -> None:
        assert pdf == b"%PDF"
        self.sent.append(("invoice", invoice.id))

    async def send_payment_failed(self, payment: Payment, invoice: Invoice, customer: Customer) -> None:
        self.sent.append(("failed", payment.id))

    async def invoice(self, invoice: Invoice, customer: Customer) -> bytes:
        return b"%PDF"


class NoSweep:
    async def sweep(self) -> None:
        """The runtime's own tables are not here."""


class World:
    def __init__(self) -> None:
        self.clock = StandingClock()
        self.customers, self.plans, self.usage = MemoryCustomers(), MemoryPlans(), MemoryUsage()
        self.subscriptions, self.invoices, self.credit_notes = MemorySubscriptions(), MemoryInvoices(), MemoryCreditNotes()
        self.payments = MemoryPayments(self.invoices)
        self.ledger, self.webhook_events = MemoryLedger(), MemoryWebhookEvents()
        self.provider, self.postbox = GuardedProvider(), Postbox()
        self.facts: list[Event] = []
        self.later: list[tuple[datetime, Event]] = []
        self.queue: list[Event] = []

    # what a person does

    async def register(self, user: UUID = USER) -> None:
        event = UserCreated(user_id=user, email=f"{user.int}@example.org", at=self.clock.now())
        self._said((await on_user_created(event, self.customers, self.plans, self.subscriptions)).events)

    async def subscribe(self, plan: str, method: str | None = "pm_card_visa", user: UUID = USER) -> ChangeAccepted:
        asked = Subscribe(plan=plan, payment_method=method)
        ports = (self.customers, self.subscriptions, self.plans, self.invoices, self.payments)
        return self._done(await subscribe(asked, Caller(user), *ports, self.clock))

    async def subscribed(self, plan: str = "pro", user: UUID = USER) -> None:
        await self.register(user)
        await self.subscribe(plan, user=user)
        await self.settle()

    async def cancel(self) -> ChangeAccepted:
        return self._done(await cancel_subscription(CancelSubscription(), Caller(USER), self.customers, self.subscriptions, self.plans, self.clock))

    async def resume(self) -> ChangeAccepted:
        return self._done(await resume_subscription(ResumeSubscription(), Caller(USER), self.customers, self.subscriptions, self.plans, self.clock))

    async def pay(self, invoice_id: UUID, method: str | None = None, user: UUID = USER) -> PaymentAccepted:
        asked = PayInvoice(invoice_id=invoice_id, payment_method=method)
        ports = (self.customers, self.subscriptions, self.invoices, self.payments)
        return self._done(await pay_invoice(asked, Caller(user), *ports, self.clock))

    async def refund(self, invoice_id: UUID, amount: int | None = None) -> RefundAccepted:
        asked = RefundInvoice(invoice_id=invoice_id, amount=amount, reason="sorry")
        return self._done(await refund_invoice(asked, self.subscriptions, self.invoices, self.credit_notes, self.ledger, self.clock))

    async def use(self, requests: int, at: datetime | None = None) -> None:
        begin = at or self.clock.now()
        event = UsageMeasured(
            usage_id=new_id(),
            application_id=UUID(int=10),
            user_id=USER,
            environment="production",
            window_from=begin,
            window_to=begin + timedelta(seconds=1),
            requests=requests,
        )
        await on_usage_measured(event, self.usage, self.clock)

    # what is seen

    async def shown(self, user: UUID = USER) -> SubscriptionView:
        ports = (self.customers, self.subscriptions, self.plans, self.invoices, self.payments)
        return await subscription(ShowSubscription(), Caller(user), *ports, self.clock)

    async def invoiced(self, **asked: Any) -> InvoicePage:
        return await invoices(ListInvoices(**asked), Caller(USER), self.customers, self.invoices)

    async def balance(self, user: UUID = USER) -> dict[str, int]:
        customer = await self.customers.get_by_user(user)
        assert customer is not None
        found = await self.ledger.balance(customer.id)
        assert sum(found.values()) == 0, found
        return {account: amount for (account, _), amount in found.items()}

    def told(self, kind: type[E]) -> list[E]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    # how it goes on

    async def settle(self) -> None:
        """Delivers what the context says to itself, until it says no more."""
        while self.queue:
            await self.deliver(self.queue.pop(0))

    async def wait(self, until: datetime | None = None, **by: float) -> None:
        """Time passes; what was said to be delivered by then is, and the housekeeping comes at its end."""
        end = until or self.clock.at + timedelta(**by)
        while due := [each for each in self.later if each[0] <= end]:
            first = min(due, key=lambda each: each[0])
            self.later.remove(first)
            self.clock.at = max(self.clock.at, first[0])
            self.queue.append(first[1])
            await self.settle()
        self.clock.at = end
        await self.housekeeping()

    async def housekeeping(self) -> None:
        work = PlainWork()
        ports = (self.subscriptions, self.payments, self.credit_notes, self.webhook_events, self.usage)
        await housekeeping(NoSweep(), *ports, self.clock, work)
        self._said(work.said)
        await self.settle()

    async def deliver(self, event: Event) -> None:
        work = self.provider.work = PlainWork()
        match event:
            case PaymentRequested():
                ports = (self.payments, self.customers, self.subscriptions, self.plans, self.invoices, self.ledger, self.provider)
                await on_payment_requested(event, *ports, self.clock, work)
            case PaymentRetryRequested():
                done = await on_payment_retry_requested(event, self.payments, self.customers, self.subscriptions, self.invoices, self.clock)
                self._said(done.events)
            case PeriodEnded():
                stores = (self.customers, self.subscriptions, self.plans, self.usage, self.invoices, self.payments, self.ledger)
                self._said((await on_period_ended(event, *stores, self.clock)).events)
            case RefundRequested():
                parts = (self.credit_notes, self.payments, self.customers, self.subscriptions, self.ledger, self.provider)
                await on_refund_requested(event, *parts, self.clock, work)
            case InvoiceIssued():
                await on_invoice_issued(event, self.invoices, self.customers, self.postbox, self.postbox, work)
            case PaymentFailed():
                await on_payment_failed(event, self.payments, self.invoices, self.customers, self.postbox, work)
        self._said(work.said)

    def _done(self, done: Done[Any]) -> Any:
        self._said(done.events)
        return done.output

    def _said(self, events: Any) -> None:
        for event in events:
            if isinstance(event, Delayed):
                self.later.append((self.clock.at + event.delay, event.event))
            else:
                self.facts.append(event)
                self.queue.append(event)
