"""Ports of the billing context. Each has one contract suite in `tests/adapters`, run on memory and on the real adapter."""

from functions.billing.ports.outside import (
    InvoiceRenderer,
    Mailer,
    PaymentProvider,
    ProviderRefused,
    ProviderUnavailable,
    WebhookEvent,
    WebhookVerifier,
)
from functions.billing.ports.stores import (
    CreditNotes,
    Customers,
    Housekeeping,
    Invoices,
    Ledger,
    Payments,
    Plans,
    RatedPeriods,
    Subscribers,
    Subscriptions,
    Usage,
    WebhookEvents,
)

__all__ = [
    "CreditNotes",
    "Customers",
    "Housekeeping",
    "InvoiceRenderer",
    "Invoices",
    "Ledger",
    "Mailer",
    "PaymentProvider",
    "Payments",
    "Plans",
    "ProviderRefused",
    "ProviderUnavailable",
    "RatedPeriods",
    "Subscribers",
    "Subscriptions",
    "Usage",
    "WebhookEvent",
    "WebhookEvents",
    "WebhookVerifier",
]
