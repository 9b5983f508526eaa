"""What stands behind billing's ports."""

from functions.billing.adapters.mail import LetterMailer
from functions.billing.adapters.postgres import PostgresCustomers, PostgresPlans, PostgresUsage
from functions.billing.adapters.postgres_invoices import PostgresCredits, PostgresInvoices
from functions.billing.adapters.postgres_payments import PostgresLedger, PostgresNotices, PostgresPayments
from functions.billing.adapters.postgres_subscriptions import PostgresSubscriptions
from functions.billing.adapters.printed import PdfPrinter
from functions.billing.ports import (
    Credits,
    Customers,
    Housekeeping,
    Invoices,
    Ledger,
    Mailer,
    NoticeReader,
    Notices,
    PaymentProvider,
    Payments,
    Plans,
    Printer,
    Subscriptions,
    Usage,
)
from functions.runtime.config.settings import Settings
from functions.runtime.config.wiring import Wiring
from functions.runtime.mail.delivery import Mail, mail
from functions.runtime.reliability.housekeeping import Housekeeping as Sweeper


def housekeeping(sweeper: Sweeper) -> Housekeeping:
    return sweeper


def provider(settings: Settings) -> PaymentProvider:
    from functions.billing.adapters.stripe import StripeProvider  # Stripe's client is large: only who calls it waits for it

    return StripeProvider(settings)


def notice_reader(settings: Settings) -> NoticeReader:
    from functions.billing.adapters.stripe import StripeNoticeReader

    return StripeNoticeReader(settings)


wiring = Wiring(
    database="billing",
    ports={
        Credits: PostgresCredits,
        Customers: PostgresCustomers,
        Housekeeping: housekeeping,
        Invoices: PostgresInvoices,
        Ledger: PostgresLedger,
        Mail: mail,
        Mailer: LetterMailer,
        NoticeReader: notice_reader,
        Notices: PostgresNotices,
        PaymentProvider: provider,
        Payments: PostgresPayments,
        Plans: PostgresPlans,
        Printer: PdfPrinter,
        Subscriptions: PostgresSubscriptions,
        Usage: PostgresUsage,
    },
)
