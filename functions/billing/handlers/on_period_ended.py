"""Invoice an ended period and start the next one.

The invoice contains the usage of the ended period, usage of former periods that arrived late, and the fee of the next
period. A suspended plan ends: its final invoice has the time that was served instead of an unpaid fee. While payments are
off nothing is charged: the invoice stays open.
"""

from events.billing import InvoiceIssued, InvoiceVoided, SubscriptionChanged
from functions.billing.domain import charges
from functions.billing.domain.invoices import Invoice, InvoiceLine, Purpose
from functions.billing.domain.payment_policy import PaymentPolicy
from functions.billing.domain.payments import Payment, PaymentRequested
from functions.billing.domain.plans import FREE
from functions.billing.domain.subscribers import Subscriber
from functions.billing.domain.subscriptions import PeriodEnded
from functions.billing.ports import Customers, Invoices, Payments, Plans, Subscriptions
from functions.billing.services.invoicing import Invoicing
from functions.kernel import Clock, Done, Events, Order, on

NO_PAYMENT_METHOD = "none"
"""The provider declines it, which starts the usual retries and e-mails."""


@on(emits=[InvoiceIssued, InvoiceVoided, PaymentRequested, SubscriptionChanged], order=Order.ANY)
async def on_period_ended(
    event: PeriodEnded,
    customers: Customers,
    subscriptions: Subscriptions,
    plans: Plans,
    invoices: Invoices,
    payments: Payments,
    invoicing: Invoicing,
    policy: PaymentPolicy,
    clock: Clock,
) -> Done[None]:
    now = clock.now()
    customer = await customers.get(event.customer_id)
    subscription = await subscriptions.lock(customer.id)
    if subscription is None or subscription.billed_until != event.period_end or await invoices.get_pending_upgrade(subscription.id):
        return Done(None)  # invoiced before, or an upgrade is being paid: housekeeping publishes the event again
    suspended_at = None if subscription.is_free else subscription.suspended_at
    if suspended_at is not None and await invoicing.has_pending_payment(customer.id):
        return Done(None)  # its outcome decides whether the plan continues: housekeeping publishes the event again

    free, current = await plans.get_offered(FREE, now), await plans.get(subscription.plan_code, subscription.plan_version)
    fees: list[InvoiceLine] = []
    voided: Events = ()
    if suspended_at is not None:
        subscription.schedule_plan(free)
        fees, voided = await invoicing.void_unserved(customer, subscription, suspended_at, now)
    next_plan, ended, next_period = await plans.get(*subscription.next_plan), subscription.current_period, subscription.next_period
    await invoicing.end_period(subscription, ended, current)
    unbilled = await invoicing.unbilled_usage(customer.user_id, subscription.id)
    lines = [*unbilled.lines(ended), *fees, *charges.fee_lines(next_plan, next_period)]
    credit = charges.credit_lines(subscription.credit_minor, lines, next_period)
    purpose, plan, period = (Purpose.FINAL, current, ended) if suspended_at else (Purpose.RENEWAL, next_plan, next_period)
    invoice = Invoice.draft(purpose, customer.id, subscription.id, plan, period, [*lines, *credit], now)

    events = (*voided, *await invoicing.issue(invoice, unbilled, customer, now))
    subscription.credit_minor += sum(line.amount.amount for line in credit)
    if suspended_at is not None:
        subscription.reactivate()
    events += Subscriber(customer, subscription).renew(current, next_plan, free, now)
    await subscriptions.save(subscription)
    if invoice.number is not None and purpose is Purpose.RENEWAL and policy.is_on:
        payment, requested = Payment.create(invoice, customer.payment_method or NO_PAYMENT_METHOD, now)
        await payments.add(payment)
        events += requested
    return Done(None, *events)
