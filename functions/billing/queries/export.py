"""Export your billing data.

One part of the export of all data about a user: each context has its own.
"""

from datetime import datetime, timedelta
from uuid import UUID

from functions.billing.domain.credit_notes import credited_amount
from functions.billing.domain.payments import PaymentStatus
from functions.billing.domain.periods import Period, day_start
from functions.billing.domain.views import Amount, BillingDetailsView, InvoiceLineView, InvoiceSummaryView, UsageView
from functions.billing.ports import CreditNotes, Customers, Invoices, Payments, Subscriptions, Usage
from functions.kernel import OWN_ACCOUNT, Caller, Clock, Model, query

HOUR = timedelta(hours=1)
MAX_ROWS = 1_000
"""The newest invoices and payments."""


class ExportBilling(Model):
    pass


class ExportedCustomerView(Model):
    id: UUID
    email: str
    created_at: datetime
    payment_account: str
    payment_method: str | None
    billing_details: BillingDetailsView | None


class ExportedInvoiceView(InvoiceSummaryView):
    buyer_email: str | None
    buyer: BillingDetailsView | None
    lines: list[InvoiceLineView]


class ExportedPaymentView(Model):
    id: UUID
    invoice_id: UUID
    amount: Amount
    status: PaymentStatus
    payment_method: str
    created_at: datetime


class ExportedUsageView(UsageView):
    """The sum since the customer was created. `environment`: empty for data services, volumes and backups."""

    application_id: UUID
    environment: str


class BillingExport(Model):
    """Empty for a user who is not a customer yet."""

    customer: ExportedCustomerView | None
    plan: str | None
    invoices: list[ExportedInvoiceView]
    payments: list[ExportedPaymentView]
    usage: list[ExportedUsageView]


@query(http="GET /v1/users/me/exports/billing", allow=OWN_ACCOUNT)
async def export(
    request: ExportBilling,
    customers: Customers,
    subscriptions: Subscriptions,
    invoices: Invoices,
    payments: Payments,
    credit_notes: CreditNotes,
    usage: Usage,
    caller: Caller,
    clock: Clock,
) -> BillingExport:
    customer = await customers.get_by_user(caller.user_id)
    if customer is None:
        return BillingExport(customer=None, plan=None, invoices=[], payments=[], usage=[])
    subscription = await subscriptions.get_current(customer.id)
    issued = [
        ExportedInvoiceView(
            **InvoiceSummaryView.of(each, credited_amount(await credit_notes.list_for_invoice(each.id))).model_dump(),
            buyer_email=each.buyer_email,
            buyer=BillingDetailsView.of(each.parties.buyer) if each.parties and each.parties.buyer else None,
            lines=[InvoiceLineView.of(line) for line in each.lines],
        )
        for each in await invoices.list_issued(customer.id, before=None, limit=MAX_ROWS)
    ]
    return BillingExport(
        customer=ExportedCustomerView(
            id=customer.id,
            email=customer.email,
            created_at=customer.created_at,
            payment_account=customer.account,
            payment_method=customer.payment_method,
            billing_details=BillingDetailsView.of(customer.billing_details) if customer.billing_details else None,
        ),
        plan=subscription.plan_code if subscription else None,
        invoices=issued,
        payments=[
            ExportedPaymentView(
                id=each.id,
                invoice_id=each.invoice_id,
                amount=Amount.of(each.amount),
                status=each.status,
                payment_method=each.payment_method,
                created_at=each.created_at,
            )
            for each in await payments.list_all(customer.id, None, before=None, limit=MAX_ROWS)
        ],
        usage=[
            ExportedUsageView(application_id=each.application_id, environment=each.environment, **UsageView.quantities(each))
            for each in await usage.by_environment(caller.user_id, Period(day_start(customer.created_at - HOUR), clock.now()))
        ],
    )
