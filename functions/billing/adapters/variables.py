"""The environment variables that functions of billing read, beside those of every context."""

from functions.runtime.config.variables import PLACE
from functions.wire.settings import Section, Setting, forms

MAX_DAYS_AHEAD = 3660

STRIPE_API_KEY = Setting(
    "CAPSULE_STRIPE_API_KEY",
    forms.matching("an API key of Stripe, as in sk_live_…", r"(\S+)?"),
    "Your Stripe account. With it, `up` starts no stand-in. Without it, on a cluster, [payments are off](billing.md#without-payments).",
    default_note="none: payments are off; on one machine: a stand-in that moves no money",
    is_secret=True,
)
STRIPE_WEBHOOK_SECRET = Setting(
    "CAPSULE_STRIPE_WEBHOOK_SECRET",
    forms.items("signing secrets of webhooks, as in whsec_…, separated by commas"),
    "Verifies what Stripe sends to `/v1/billing/webhooks/stripe`. Several secrets while you rotate them. Without one, webhooks are refused.",
    default_note="none; on one machine: that of the stand-in",
    is_secret=True,
)
STRIPE_API_BASE = Setting(
    "CAPSULE_STRIPE_API_BASE",
    forms.url("http", "https", example="https://api.stripe.com"),
    "Where Stripe's API is.",
    default="https://api.stripe.com",
)
INVOICE_FROM = Setting(
    "CAPSULE_INVOICE_FROM",
    forms.items("lines of text separated by |", "|"),
    "Name and address of the seller on invoices and credit notes, as in `Example Ltd | 1 High Street | London`.",
    default="Capsule",
)
INVOICE_VAT_ID = Setting("CAPSULE_INVOICE_VAT_ID", forms.text("text"), "VAT or tax number of the seller on invoices and credit notes.")
INVOICE_VAT_PERCENT = Setting(
    "CAPSULE_INVOICE_VAT_PERCENT",
    forms.number("a number from 0 to below 100 (percent), as in 19 or 7.7", lambda percent: percent < 100),
    "VAT rate. Prices of plans include it. 0: invoices show no VAT, but the note.",
    default="0",
)
INVOICE_VAT_NOTE = Setting("CAPSULE_INVOICE_VAT_NOTE", forms.text("text"), "Why an invoice shows no VAT.", default="No VAT is charged.")
DAYS_AHEAD = Setting(
    "CAPSULE_BILLING_DAYS_AHEAD",
    forms.whole_number(0, MAX_DAYS_AHEAD, "days"),
    "For trying only: billing's clock is so many days ahead. Refused with Stripe's own API. On one machine `./taskw advance-billing` sets it.",
    default="0",
)

SECTIONS = (
    Section(
        "Payments and invoices",
        "billing",
        PLACE,
        (STRIPE_API_KEY, STRIPE_WEBHOOK_SECRET, STRIPE_API_BASE, INVOICE_FROM, INVOICE_VAT_ID, INVOICE_VAT_PERCENT, INVOICE_VAT_NOTE, DAYS_AHEAD),
    ),
)
