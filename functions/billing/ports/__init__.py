"""Ports of the billing context. Each has one contract suite in `tests/adapters`, run on memory and on the real adapter."""

from functions.billing.ports.money import (
    CreditNotes,
    Disputes,
    Invoices,
    Ledger,
    Payments,
    WebhookEvents,
)
from functions.billing.ports.outside import (
    CreditNoteRenderer,
    InvoiceRenderer,
    Mailer,
    PaymentProvider,
    ProviderRefused,
    ProviderUnavailable,
    WebhookEvent,
    WebhookVerifier,
)
from functions.billing.ports.stores import (
    Applications,
    Customers,
    Housekeeping,
    MeasurementState,
    PaymentMethodChanges,
    Plans,
    RatedPeriods,
    Subscribers,
    Subscriptions,
    Usage,
    UsageNotices,
)
from functions.kernel import Memberships

__all__ = [
    "Applications",
    "CreditNoteRenderer",
    "CreditNotes",
    "Customers",
    "Disputes",
    "Housekeeping",
    "InvoiceRenderer",
    "Invoices",
    "Ledger",
    "Mailer",
    "MeasurementState",
    "Memberships",
    "PaymentMethodChanges",
    "PaymentProvider",
    "Payments",
    "Plans",
    "ProviderRefused",
    "ProviderUnavailable",
    "RatedPeriods",
    "Subscribers",
    "Subscriptions",
    "Usage",
    "UsageNotices",
    "WebhookEvent",
    "WebhookEvents",
    "WebhookVerifier",
]
