"""Which adapter stands behind each port of billing."""

from collections.abc import Callable, Mapping
from typing import Any

from functions.billing import ports as billing
from tests.memory import billing as memory_billing
from tests.memory import (
    billing_methods,
    billing_money,
    billing_provider,
    billing_reversals,
)
from tests.memory.memberships import MemoryMemberships
from tests.memory.runtime import MemoryHousekeeping


def payments(invoices: billing.Invoices) -> billing_money.MemoryPayments:
    assert isinstance(invoices, billing_money.MemoryInvoices)
    return billing_money.MemoryPayments(invoices)


PORTS: Mapping[Any, Callable[..., Any]] = {
    billing.Disputes: billing_reversals.MemoryDisputes,
    billing.CreditNotes: billing_reversals.MemoryCreditNotes,
    billing.Applications: memory_billing.MemoryApplications,
    billing.PaymentMethodChanges: billing_methods.MemoryPaymentMethodChanges,
    billing.Customers: memory_billing.MemoryCustomers,
    billing.Housekeeping: MemoryHousekeeping,
    billing.Memberships: MemoryMemberships,
    billing.Invoices: billing_money.MemoryInvoices,
    billing.Ledger: billing_money.MemoryLedger,
    billing.Mailer: billing_provider.MemoryMailer,
    billing.WebhookEvents: billing_money.MemoryWebhookEvents,
    billing.PaymentProvider: billing_provider.MemoryProvider,
    billing.Payments: payments,
    billing.Plans: memory_billing.MemoryPlans,
    billing.RatedPeriods: billing_money.MemoryRatedPeriods,
    billing.Subscriptions: billing_money.MemorySubscriptions,
    billing.MeasurementState: memory_billing.MemoryMeasurementState,
    billing.Usage: memory_billing.MemoryUsage,
    billing.UsageNotices: billing_money.MemoryUsageNotices,
}

EXTERNAL: frozenset[Any] = frozenset({billing.Mailer, billing.PaymentProvider})
