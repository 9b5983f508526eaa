"""A subscription's period is over: its use is rated, the next period's fee comes on top, the invoice is issued and charged."""

from uuid import UUID

from events.billing import InvoiceIssued, SubscriptionChanged
from functions.billing.domain import charges
from functions.billing.domain.bill import Bill, rate
from functions.billing.domain.facts import invoice_issued, subscription_changed
from functions.billing.domain.invoices import Invoice, Purpose, invoice_series
from functions.billing.domain.ledger import Fact, booked
from functions.billing.domain.payments import LEAST, Payment, PaymentRequested
from functions.billing.domain.plans import FREE
from functions.billing.domain.subscriptions import PeriodEnded, RatedPeriod, Status
from functions.billing.ports import Customers, Invoices, Ledger, Payments, Plans, Subscriptions, Usage
from functions.kernel import Clock, Delayed, Done, Event, Order, on

NO_METHOD = "none"


@on(emits=[InvoiceIssued, PaymentRequested, SubscriptionChanged], order=Order.ANY)
async def on_period_ended(
    ended: PeriodEnded,
    customers: Customers,
    subscriptions: Subscriptions,
    plans: Plans,
    usage: Usage,
    invoices: Invoices,
    payments: Payments,
    ledger: Ledger,
    clock: Clock,
) -> Done[None]:
    now = clock.now()
    customer = await customers.get(ended.customer_id)
    subscription = await subscriptions.locked(customer.id)
    if subscription is None or subscription.billed_until != ended.period_end or await invoices.under_way(subscription.id):
        return Done(None)  # done before; or an upgrade is being paid for, and the housekeeping comes again

    free, current = await plans.offered(FREE, now), await plans.get(subscription.plan_code, subscription.plan_version)
    if subscription.status is Status.SUSPENDED and not subscription.is_free:
        subscription.change_later(free)
    coming, period = await plans.get(*subscription.coming_plan), subscription.running_period
    bill = rate(current, period, await usage.within(customer.user_id, period))
    last = await subscriptions.last_rated(subscription.id)
    late = charges.late_use(await _rate_again(last, customer.user_id, plans, usage), last.charged) if last else []
    lines = [*late, *charges.use(bill), *charges.fee(coming, subscription.coming_period)]
    invoice = Invoice.draft(Purpose.RENEWAL, customer.id, subscription.id, coming, subscription.coming_period, lines, now)

    charged = invoice.total.amount >= LEAST  # what is not worth a charge waits for the next invoice, as late use
    await subscriptions.rated(RatedPeriod(subscription.id, period, current.code, current.version, charges.of_use(bill, charged)))
    if last and late and charged:
        last.charged += late[0].amount
        await subscriptions.rated(last)
    subscription.renew(now)
    await subscriptions.save(subscription)
    events: list[Event | Delayed] = []
    if coming.code != current.code:
        events.append(subscription_changed(subscription, customer, coming, free, now))
    if charged:
        invoice.issue(await invoices.next_number(invoice_series(now)), now)
        await invoices.add(invoice)
        await ledger.post(booked(Fact.INVOICE_ISSUED, invoice.id, customer.id, invoice.total, now))
        payment = Payment.intend(invoice, customer.payment_method or NO_METHOD, now)
        await payments.add(payment)
        events += [invoice_issued(invoice, customer, now), PaymentRequested(payment_id=payment.id)]
    return Done(None, *events)


async def _rate_again(last: RatedPeriod, user_id: UUID, plans: Plans, usage: Usage) -> Bill:
    return rate(await plans.get(last.plan_code, last.plan_version), last.period, await usage.within(user_id, last.period))
