"""Adapters of the billing context's ports."""

from functions.billing.adapters import variables
from functions.billing.adapters.emails import EmailMailer
from functions.billing.adapters.no_payments import NoPayments, notices
from functions.billing.adapters.pdf import PdfCreditNoteRenderer, PdfRenderer
from functions.billing.adapters.postgres_customers import PostgresCustomers, PostgresPlans
from functions.billing.adapters.postgres_details import PostgresApplications, PostgresPaymentMethodChanges
from functions.billing.adapters.postgres_invoices import PostgresInvoices
from functions.billing.adapters.postgres_measurement import PostgresMeasurementState
from functions.billing.adapters.postgres_payments import PostgresLedger, PostgresPayments, PostgresWebhookEvents
from functions.billing.adapters.postgres_reversals import PostgresCreditNotes, PostgresDisputes
from functions.billing.adapters.postgres_subscriptions import PostgresRatedPeriods, PostgresSubscriptions, PostgresUsageNotices
from functions.billing.adapters.postgres_usage import PostgresUsage
from functions.billing.adapters.trial_clock import trial_clock
from functions.billing.domain.parties import Seller
from functions.billing.domain.payment_policy import PaymentPolicy
from functions.billing.ports import (
    Applications,
    CreditNoteRenderer,
    CreditNotes,
    Customers,
    Disputes,
    Housekeeping,
    InvoiceRenderer,
    Invoices,
    Ledger,
    Mailer,
    MeasurementState,
    Memberships,
    PaymentMethodChanges,
    PaymentProvider,
    Payments,
    Plans,
    RatedPeriods,
    Subscribers,
    Subscriptions,
    Usage,
    UsageNotices,
    WebhookEvents,
    WebhookVerifier,
)
from functions.billing.services.access_control import AccessControl
from functions.billing.services.credit_note_sender import CreditNoteSender
from functions.billing.services.customer_closing import CustomerClosing
from functions.billing.services.invoicing import Invoicing
from functions.billing.services.operation_reader import OperationReader
from functions.billing.services.usage_limits import UsageLimits
from functions.billing.services.usage_recorder import UsageRecorder
from functions.kernel import Clock
from functions.runtime.config.settings import Settings
from functions.runtime.config.wiring import Wiring
from functions.runtime.email.guarded import GuardedTransport
from functions.runtime.email.transport import EmailTransport, email_transport
from functions.runtime.reliability.email_suppressions import EmailSuppressions
from functions.runtime.reliability.housekeeping import Housekeeping as RuntimeHousekeeping
from functions.runtime.reliability.memberships import PostgresMemberships


def housekeeping(housekeeping: RuntimeHousekeeping) -> Housekeeping:
    return housekeeping


def seller(settings: Settings) -> Seller:
    percent = settings.value(variables.INVOICE_VAT_PERCENT)
    lines = tuple(settings.value(variables.INVOICE_FROM))
    return Seller(lines, settings.value(variables.INVOICE_VAT_ID), percent, settings.value(variables.INVOICE_VAT_NOTE))


def payment_policy(settings: Settings) -> PaymentPolicy:
    return PaymentPolicy(bool(settings.value(variables.STRIPE_API_KEY)))


def payment_provider(settings: Settings, policy: PaymentPolicy) -> PaymentProvider:
    if not policy.is_on:
        return NoPayments()
    from functions.billing.adapters.stripe import StripeProvider  # imported here because Stripe's client loads slowly

    return StripeProvider(settings)


def webhook_verifier(settings: Settings) -> WebhookVerifier:
    from functions.billing.adapters.stripe_webhooks import StripeWebhookVerifier

    return StripeWebhookVerifier(settings)


def guarded_transport(settings: Settings, clock: Clock, suppressions: EmailSuppressions) -> EmailTransport:
    return GuardedTransport(email_transport(settings, clock), suppressions)


wiring = Wiring(
    database="billing",
    settings=variables.SECTIONS,
    clock=trial_clock,
    notices=notices,
    ports={
        Applications: PostgresApplications,
        PaymentMethodChanges: PostgresPaymentMethodChanges,
        CreditNoteRenderer: PdfCreditNoteRenderer,
        Disputes: PostgresDisputes,
        CreditNoteSender: CreditNoteSender,
        CreditNotes: PostgresCreditNotes,
        Customers: PostgresCustomers,
        Housekeeping: housekeeping,
        InvoiceRenderer: PdfRenderer,
        Invoices: PostgresInvoices,
        Ledger: PostgresLedger,
        EmailTransport: guarded_transport,
        AccessControl: AccessControl,
        OperationReader: OperationReader,
        CustomerClosing: CustomerClosing,
        Mailer: EmailMailer,
        Memberships: PostgresMemberships,
        PaymentPolicy: payment_policy,
        PaymentProvider: payment_provider,
        Payments: PostgresPayments,
        Plans: PostgresPlans,
        Invoicing: Invoicing,
        RatedPeriods: PostgresRatedPeriods,
        Seller: seller,
        Subscribers: Subscribers,
        Subscriptions: PostgresSubscriptions,
        Usage: PostgresUsage,
        UsageLimits: UsageLimits,
        MeasurementState: PostgresMeasurementState,
        UsageNotices: PostgresUsageNotices,
        UsageRecorder: UsageRecorder,
        WebhookEvents: PostgresWebhookEvents,
        WebhookVerifier: webhook_verifier,
    },
)
