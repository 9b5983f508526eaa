# GENERATED from the declarations by `python -m functions.describe`. Do not edit: change the declaration and run it again.
"""Requests and responses of billing."""

from __future__ import annotations

from typing import Literal, NotRequired, TypeAlias, TypedDict

from cli.api.shared_models import OperationProblem, OperationState, OperationStepView


class Amount(TypedDict):
    """Minor units (cents) of an ISO 4217 currency."""

    amount: int
    currency: str


class BillAtPeriodEndView(TypedDict):
    """What the invoice at the end of the period will contain, as of now. `total` = `usage` + `fee` − `credit`. `usage`: of this period so far, and of earlier periods as far as it is not on an invoice. `fee`: of the next period, for `plan`. `credit`: for time in which the plan was suspended. A total below the minimum charge is on a later invoice."""

    at: str
    plan: str
    usage: Amount
    fee: Amount
    credit: Amount
    total: Amount


class BillChargeView(TypedDict):
    """One meter over all applications. The included quantity counts once; of a meter without a price, all is included. `is_limit`: more than that is not sold, and nothing new starts when it is used."""

    meter: Meter
    quantity: int
    included: int
    billable: int
    amount: Amount
    isLimit: bool


class BillLineView(TypedDict):
    """`application`: its name, also after it was deleted; null if Capsule created it before bills had names. `environment`: empty for data services, volumes and backups, which belong to the application. `cpu_measured_until`: CPU time of later moments is not contained yet. It follows the requests by some seconds."""

    requests: int
    cpuMilliseconds: int
    databaseMibSeconds: int
    redisMibSeconds: int
    volumeMibSeconds: int
    backupMibSeconds: int
    applicationId: str
    application: str | None
    isDeleted: bool
    environment: str
    cpuMeasuredUntil: str | None
    amount: Amount


class BillPlanView(TypedDict):
    code: str
    version: int
    name: str
    fee: Amount


class BillView(TypedDict):
    """All lines together add up to the charges; `next` is the `cursor` of those that follow, null after the last ones. `total`, the cost of this period so far, is `advance` − `credited` + the charges. `advance`: fees on invoices for this period. `paid`: received for these invoices, which may contain usage of the period before. `credited`: credit notes of these invoices; `refunded`: the part that has been paid back. `disputed`: the part of `paid` that banks have demanded back and have. `due`: all open invoices, to pay now. `not_measured_since`: usage of later moments is not contained, because nothing measures it; null if it is measured."""

    customerId: str
    period: PeriodView
    notMeasuredSince: str | None
    plan: BillPlanView
    lines: list[BillLineView]
    next: NotRequired[str | None]
    charges: list[BillChargeView]
    advance: Amount
    paid: Amount
    credited: Amount
    refunded: Amount
    disputed: Amount
    due: Amount
    atPeriodEnd: BillAtPeriodEndView
    total: Amount
    payments: Literal['on', 'off']


class BillingDetailsView(TypedDict):
    """`country`: ISO 3166-1 alpha-2. `vat_id`: of a business, with its country."""

    name: str
    address: list[str]
    country: str
    vatId: str | None


class BillingExport(TypedDict):
    """Empty for a user who is not a customer yet."""

    customer: ExportedCustomerView | None
    plan: str | None
    invoices: list[ExportedInvoiceView]
    payments: list[ExportedPaymentView]
    usage: list[ExportedUsageView]


class BillingOperationView(TypedDict):
    id: str
    kind: str
    state: OperationState
    summary: str
    steps: list[OperationStepView]
    resource: str | None
    problem: OperationProblem | None
    requestedAt: str
    finishedAt: str | None
    invoiceId: str | None
    amount: Amount | None


class CancellationView(TypedDict):
    """`status` is `done` or `scheduled` (takes effect at `takes_effect_at`). `due`: what is owed now, the sum of `open_invoices`."""

    subscriptionId: str
    status: str
    plan: str
    takesEffectAt: str | None
    due: Amount
    openInvoices: list[OpenInvoiceView]


class CreditNoteView(TypedDict):
    """`status`: of the refund. `detail`: why it failed."""

    creditNoteId: str
    number: str
    amount: Amount
    reason: str
    status: RefundStatus
    detail: str | None
    issuedAt: str


class CustomerPlanView(TypedDict):
    code: str
    version: int
    name: str
    since: str


class CustomerView(TypedDict):
    customerId: str
    userId: str
    email: str
    plan: CustomerPlanView
    createdAt: str
    owes: list[Amount]
    paymentAccount: str
    billingDetails: BillingDetailsView | None


DisputeStatus: TypeAlias = "Literal['open', 'won', 'lost']"


class DisputeView(TypedDict):
    """The customer's bank demands a payment back. `status`: open and lost ones are withdrawn from what was paid."""

    disputeId: str
    providerId: str
    status: DisputeStatus
    amount: Amount
    reason: str
    openedAt: str
    closedAt: str | None


class EntitlementsView(TypedDict):
    """What the subscription may run and store: applications, and memory in MiB over all of them; the number of data services, volumes and backups (with snapshots), and how large they may be together."""

    applications: int
    memoryMib: int
    dataServices: int
    dataServicesMib: int
    volumes: int
    volumesMib: int
    backups: int
    backupsMib: int


class ExportedCustomerView(TypedDict):
    id: str
    email: str
    createdAt: str
    paymentAccount: str
    paymentMethod: str | None
    billingDetails: BillingDetailsView | None


class ExportedInvoiceView(TypedDict):
    invoiceId: str
    number: str
    status: InvoiceStatus
    purpose: Purpose
    plan: str
    period: PeriodView
    total: Amount
    credited: Amount
    issuedAt: str
    settledAt: str | None
    buyerEmail: str | None
    buyer: BillingDetailsView | None
    lines: list[InvoiceLineView]


class ExportedPaymentView(TypedDict):
    id: str
    invoiceId: str
    amount: Amount
    status: PaymentStatus
    paymentMethod: str
    createdAt: str


class ExportedUsageView(TypedDict):
    """The sum since the customer was created. `environment`: empty for data services, volumes and backups."""

    requests: int
    cpuMilliseconds: int
    databaseMibSeconds: int
    redisMibSeconds: int
    volumeMibSeconds: int
    backupMibSeconds: int
    applicationId: str
    environment: str


class InvoiceLineView(TypedDict):
    """`meter`: what `quantity` counts, for usage; null for fees and credits."""

    kind: LineKind
    description: str
    quantity: int
    amount: Amount
    period: PeriodView
    meter: NotRequired[Meter | None]


class InvoicePaymentView(TypedDict):
    """The last attempt. `detail` says why it was declined."""

    paymentId: str
    status: PaymentStatus
    attempt: int
    detail: str | None
    retryAt: str | None


InvoiceStatus: TypeAlias = "Literal['draft', 'open', 'paid', 'void']"


class InvoiceSummaryPage(TypedDict):
    items: list[InvoiceSummaryView]
    next: NotRequired[str | None]


class InvoiceSummaryView(TypedDict):
    """`credited`: the sum of its credit notes."""

    invoiceId: str
    number: str
    status: InvoiceStatus
    purpose: Purpose
    plan: str
    period: PeriodView
    total: Amount
    credited: Amount
    issuedAt: str
    settledAt: str | None


class InvoiceView(TypedDict):
    invoiceId: str
    number: str
    status: InvoiceStatus
    purpose: Purpose
    plan: str
    period: PeriodView
    total: Amount
    credited: Amount
    issuedAt: str
    settledAt: str | None
    lines: list[InvoiceLineView]
    payment: InvoicePaymentView | None
    credits: list[CreditNoteView]
    disputes: list[DisputeView]


LineKind: TypeAlias = "Literal['fee', 'proration', 'credit', 'usage', 'late-usage']"


Meter: TypeAlias = "Literal['requests', 'cpu_milliseconds', 'database_mib_seconds', 'redis_mib_seconds', 'volume_mib_seconds', 'backup_mib_seconds']"


class NextPlanView(TypedDict):
    """A plan that starts at `begins_at` or, if `pending`, when `invoice_id` is paid."""

    plan: str
    pending: bool
    beginsAt: NotRequired[str | None]
    invoiceId: NotRequired[str | None]


class OpenInvoiceView(TypedDict):
    invoiceId: str
    number: str
    total: Amount


class OperatorCustomerPage(TypedDict):
    items: list[OperatorCustomerView]
    next: NotRequired[str | None]


class OperatorCustomerView(TypedDict):
    """`owes`: one per currency, from the ledger. A negative amount is a balance in the customer's favour."""

    customerId: str
    userId: str
    email: str
    plan: str | None
    status: SubscriptionStatus | None
    owes: list[Amount]
    paymentAccount: str
    createdAt: str


class OperatorInvoicePage(TypedDict):
    items: list[OperatorInvoiceView]
    next: NotRequired[str | None]


class OperatorInvoiceView(TypedDict):
    invoiceId: str
    number: str
    status: InvoiceStatus
    purpose: Purpose
    plan: str
    period: PeriodView
    total: Amount
    credited: Amount
    issuedAt: str
    settledAt: str | None
    customerId: str
    email: str


class OperatorPaymentPage(TypedDict):
    items: list[OperatorPaymentView]
    next: NotRequired[str | None]


class OperatorPaymentView(TypedDict):
    """`provider_id`: of the payment at the payment provider. `detail`: why it was declined."""

    paymentId: str
    invoiceId: str
    customerId: str
    email: str
    attempt: int
    amount: Amount
    status: PaymentStatus
    detail: str | None
    providerId: str | None
    retryAt: str | None
    createdAt: str
    settledAt: str | None
    disputes: list[DisputeView]


class PayInvoiceBody(TypedDict):
    teamId: NotRequired[str | None]
    paymentMethod: NotRequired[str | None]


class PaymentAccepted(TypedDict):
    """The operation shows the outcome, and so does the invoice."""

    operationId: str
    paymentId: str
    invoiceId: str
    status: str
    amount: Amount


class PaymentMethodAccepted(TypedDict):
    """The operation shows the outcome, and so does GET /v1/billing/payment-method."""

    operationId: str
    changeId: str
    status: str
    paymentMethod: str


PaymentMethodChangeStatus: TypeAlias = "Literal['pending', 'succeeded', 'failed']"


class PaymentMethodChangeView(TypedDict):
    """`detail`: why it failed."""

    changeId: str
    paymentMethod: str
    status: PaymentMethodChangeStatus
    detail: str | None
    requestedAt: str
    settledAt: str | None


class PaymentMethodView(TypedDict):
    """`payment_method`: the one that is charged next; null: none is stored."""

    paymentMethod: str | None
    lastChange: PaymentMethodChangeView | None


PaymentStatus: TypeAlias = "Literal['pending', 'succeeded', 'failed']"


class PaymentView(TypedDict):
    paymentId: str
    invoiceId: str
    status: PaymentStatus
    amount: Amount
    reason: str | None
    detail: str | None
    retryAt: str | None
    at: str


class PeriodView(TypedDict):
    """From `begin` (inclusive) to `end` (exclusive)."""

    begin: str
    end: str


class PlanPage(TypedDict):
    items: list[PlanView]
    next: NotRequired[str | None]


class PlanView(TypedDict):
    """`fee` is paid in advance for each billing period. Usage is charged after the period."""

    code: str
    version: int
    name: str
    fee: Amount
    allowed: EntitlementsView
    prices: list[PriceView]


class PriceView(TypedDict):
    meter: Meter
    included: int
    tiers: list[TierView]


Purpose: TypeAlias = "Literal['upgrade', 'renewal', 'final']"


class RefundAccepted(TypedDict):
    operationId: str
    creditNoteId: str
    number: str
    invoiceId: str
    status: str
    amount: Amount


class RefundInvoiceBody(TypedDict):
    amount: NotRequired[int | None]
    reason: str


RefundStatus: TypeAlias = "Literal['pending', 'succeeded', 'failed']"


class ResumeSubscription(TypedDict):
    teamId: NotRequired[str | None]


class SetBillingDetails(TypedDict):
    teamId: NotRequired[str | None]
    name: str
    address: list[str]
    country: str
    vatId: NotRequired[str | None]


class SetPaymentMethod(TypedDict):
    teamId: NotRequired[str | None]
    paymentMethod: str


class Subscribe(TypedDict):
    teamId: NotRequired[str | None]
    plan: str
    paymentMethod: NotRequired[str | None]


class SubscriptionChangeAccepted(TypedDict):
    """The operation is the payment that a `pending` change waits for; a scheduled change has none. GET /v1/billing/subscription has the outcome."""

    subscriptionId: str
    status: str
    plan: str
    takesEffectAt: NotRequired[str | None]
    invoiceId: NotRequired[str | None]
    due: NotRequired[Amount | None]
    operationId: NotRequired[str | None]


class SubscriptionChangeView(TypedDict):
    """`status` is `done`, `scheduled` (takes effect at `takes_effect_at`) or `pending` (takes effect when `invoice_id` is paid)."""

    subscriptionId: str
    status: str
    plan: str
    takesEffectAt: NotRequired[str | None]
    invoiceId: NotRequired[str | None]
    due: NotRequired[Amount | None]


SubscriptionStatus: TypeAlias = "Literal['active', 'past_due', 'suspended', 'ended']"


class SubscriptionView(TypedDict):
    """`allowed` is what may run now; while the subscription is suspended, that is what the free plan allows."""

    subscriptionId: str
    plan: str
    version: int
    status: SubscriptionStatus
    since: str
    period: PeriodView
    fee: Amount
    allowed: EntitlementsView
    next: NextPlanView | None
    lastPayment: PaymentView | None


class TierView(TypedDict):
    """`amount` per `per` units, up to unit `up_to` above the included quantity."""

    upTo: int | None
    amount: Amount
    per: int


class VoidInvoiceBody(TypedDict):
    reason: str
