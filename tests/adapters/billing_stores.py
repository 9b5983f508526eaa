"""Billing's stores of money on memory or PostgreSQL, with sample rows."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, datetime
from uuid import UUID

import pytest

from functions.billing.adapters.postgres_customers import PostgresCustomers, PostgresPlans
from functions.billing.adapters.postgres_details import PostgresApplications, PostgresPaymentMethodChanges
from functions.billing.adapters.postgres_invoices import PostgresInvoices
from functions.billing.adapters.postgres_payments import PostgresLedger, PostgresPayments, PostgresWebhookEvents
from functions.billing.adapters.postgres_reversals import PostgresCreditNotes, PostgresDisputes
from functions.billing.adapters.postgres_subscriptions import PostgresRatedPeriods, PostgresSubscriptions, PostgresUsageNotices
from functions.billing.adapters.postgres_usage import PostgresUsage
from functions.billing.domain import charges
from functions.billing.domain.customers import Customer
from functions.billing.domain.invoices import Invoice, Purpose
from functions.billing.domain.parties import Seller
from functions.billing.domain.payments import Payment, PaymentStatus, ProviderResult
from functions.billing.domain.subscriptions import Subscription
from functions.billing.ports import (
    Applications,
    CreditNotes,
    Customers,
    Disputes,
    Invoices,
    Ledger,
    PaymentMethodChanges,
    Payments,
    Plans,
    RatedPeriods,
    Subscriptions,
    Usage,
    UsageNotices,
    WebhookEvents,
)
from functions.kernel import new_id
from functions.runtime.storage.database import Database
from tests.memory.billing import SEEDED, MemoryApplications, MemoryCustomers, MemoryPlans, MemoryUsage
from tests.memory.billing_methods import MemoryPaymentMethodChanges
from tests.memory.billing_money import (
    MemoryInvoices,
    MemoryLedger,
    MemoryPayments,
    MemoryRatedPeriods,
    MemorySubscriptions,
    MemoryUsageNotices,
    MemoryWebhookEvents,
)
from tests.memory.billing_reversals import MemoryCreditNotes, MemoryDisputes
from tests.servers import Databases

NOW = datetime(2026, 5, 20, 10, 30, tzinfo=UTC)
FREE_PLAN, PRO, BUSINESS = SEEDED
FAILED = ProviderResult(None, PaymentStatus.FAILED, failure_code="card_declined", failure_message="Your card was declined.")


class Store:
    """Billing's ports on one kind of storage. Customers have random ids, so tests can share a database."""

    def __init__(self, database: Database | None) -> None:
        self.database = database
        self.customers: Customers = PostgresCustomers(database) if database else MemoryCustomers()
        self.applications: Applications = PostgresApplications(database) if database else MemoryApplications()
        self.method_changes: PaymentMethodChanges = PostgresPaymentMethodChanges(database) if database else MemoryPaymentMethodChanges()
        self.plans: Plans = PostgresPlans(database) if database else MemoryPlans()
        self.subscriptions: Subscriptions = PostgresSubscriptions(database) if database else MemorySubscriptions()
        self.usage: Usage = PostgresUsage(database) if database else MemoryUsage()
        self.usage_notices: UsageNotices = PostgresUsageNotices(database) if database else MemoryUsageNotices()
        self.rated_periods: RatedPeriods = PostgresRatedPeriods(database) if database else MemoryRatedPeriods()
        memory = MemoryInvoices()
        self.invoices: Invoices = PostgresInvoices(database) if database else memory
        self.payments: Payments = PostgresPayments(database) if database else MemoryPayments(memory)
        self.credit_notes: CreditNotes = PostgresCreditNotes(database) if database else MemoryCreditNotes()
        self.disputes: Disputes = PostgresDisputes(database) if database else MemoryDisputes()
        self.ledger: Ledger = PostgresLedger(database) if database else MemoryLedger()
        self.webhook_events: WebhookEvents = PostgresWebhookEvents(database) if database else MemoryWebhookEvents()

    def transaction(self) -> AbstractAsyncContextManager[object]:
        return self.database.transaction() if self.database else nullcontext()

    async def customer(self) -> tuple[Customer, Subscription]:
        customer, _ = Customer.create(new_id(), "ada@example.org", FREE_PLAN.code, NOW)
        subscription = Subscription.begin(customer, FREE_PLAN, NOW)
        async with self.transaction():
            await self.customers.add(customer)
            await self.subscriptions.add(subscription)
        return customer, subscription

    async def invoice(self, subscription: Subscription, number: str | None = None, purpose: Purpose = Purpose.RENEWAL) -> Invoice:
        period = subscription.current_period
        invoice = Invoice.draft(purpose, subscription.customer_id, subscription.id, PRO, period, charges.fee_lines(PRO, period), NOW)
        if number:
            customer = await self._customer(subscription)
            invoice.issue(number, customer, Seller(), NOW)
        async with self.transaction():
            await self.invoices.add(invoice)
        return invoice

    async def _customer(self, subscription: Subscription) -> Customer:
        async with self.transaction():
            return await self.customers.get(subscription.customer_id)

    async def payment(self, invoice: Invoice, attempt: int = 1, result: ProviderResult | None = None, at: datetime = NOW) -> Payment:
        payment, _ = Payment.create(invoice, "pm_card_visa", at, attempt)
        async with self.transaction():
            await self.payments.add(payment)
            if result:
                payment.settle(result, at)
                await self.payments.save(payment)
        return payment


async def balance_of(store: Store, customer_id: UUID) -> Mapping[tuple[str, str], int]:
    return (await store.ledger.balances([customer_id]))[customer_id]


@pytest.fixture(scope="module")
def url(postgres: Databases) -> str:
    return postgres.database("billing").functions_url


@pytest.fixture(params=["memory", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield Store(None)
        return
    database = Database(request.getfixturevalue("url"))
    yield Store(database)
    await database.close()


def new_number() -> str:
    return f"test-{new_id()}"
