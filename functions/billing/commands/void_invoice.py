"""Cancel an open invoice: nothing of it is owed (admin).

The invoice becomes void. Its usage is on the customer's next invoice. When no invoice is open any more, a suspension ends.
"""

from typing import Annotated
from uuid import UUID

from pydantic import StringConstraints

from events.billing import InvoiceVoided, SubscriptionChanged
from functions.billing.domain.invoices import InvoiceStatus
from functions.billing.domain.plans import FREE
from functions.billing.domain.rejections import ChangeInProgress, InvoiceNotFound, InvoiceNotOpen
from functions.billing.domain.subscribers import Subscriber
from functions.billing.domain.subscriptions import SubscriptionStatus
from functions.billing.domain.views import InvoiceSummaryView
from functions.billing.ports import Customers, Invoices, Payments, Plans, Subscriptions
from functions.billing.services.invoicing import Invoicing
from functions.kernel import ADMIN, ONE_LINE, Clock, Done, Events, Model, command


class VoidInvoice(Model):
    invoice_id: UUID
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), ONE_LINE]


@command(
    http="POST /v1/billing/invoices/{invoice_id}/void",
    allow=ADMIN,
    rejects=[ChangeInProgress, InvoiceNotFound, InvoiceNotOpen],
    emits=[InvoiceVoided, SubscriptionChanged],
)
async def void_invoice(
    request: VoidInvoice,
    invoices: Invoices,
    payments: Payments,
    customers: Customers,
    subscriptions: Subscriptions,
    plans: Plans,
    invoicing: Invoicing,
    clock: Clock,
) -> Done[InvoiceSummaryView]:
    now = clock.now()
    customer_id = (await invoices.get(request.invoice_id)).customer_id
    subscription = await subscriptions.lock(customer_id)
    invoice, customer = await invoices.get(request.invoice_id), await customers.get(customer_id)
    if invoice.status is not InvoiceStatus.OPEN:
        raise InvoiceNotOpen(f"This invoice is {invoice.status}. Only an open invoice can be voided; refund a paid one.")
    last = await payments.get_last_attempt(invoice.id)
    if last is not None and last.is_pending:
        raise ChangeInProgress

    assert subscription is not None  # every customer keeps one
    events: Events = await invoicing.void(invoice, customer, subscription, request.reason, now)

    was_active = subscription.status is SubscriptionStatus.ACTIVE
    if not was_active and not await invoices.has_open(customer_id):
        subscription.reactivate()
    await subscriptions.save(subscription)
    if not was_active and subscription.status is SubscriptionStatus.ACTIVE:
        plan = await plans.get(subscription.plan_code, subscription.plan_version)
        events = (*events, *Subscriber(customer, subscription).report(plan, await plans.get_offered(FREE, now), now))
    return Done(InvoiceSummaryView.of(invoice, 0), *events)
