"""Invoice an ended period and start the next one.

The invoice contains the usage of the ended period, usage reported late for the period before, and the fee of the next
period.
"""

from uuid import UUID

from events.billing import InvoiceIssued, SubscriptionChanged
from functions.billing.domain import charges
from functions.billing.domain.bill import Bill, rate
from functions.billing.domain.invoices import Invoice, Purpose, invoice_series
from functions.billing.domain.ledger import Transaction, TransactionKind
from functions.billing.domain.money import Money
from functions.billing.domain.payments import MIN_CHARGE_MINOR, Payment, PaymentRequested
from functions.billing.domain.plans import FREE
from functions.billing.domain.subscribers import Subscriber
from functions.billing.domain.subscriptions import PeriodEnded, RatedPeriod, SubscriptionStatus
from functions.billing.ports import Customers, Invoices, Ledger, Payments, Plans, Subscriptions, Usage
from functions.kernel import Clock, Done, Order, on

NO_PAYMENT_METHOD = "none"
"""The provider declines it, which starts the usual retries and e-mails."""


@on(emits=[InvoiceIssued, PaymentRequested, SubscriptionChanged], order=Order.ANY)
async def on_period_ended(
    event: PeriodEnded,
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
    customer = await customers.get(event.customer_id)
    subscription = await subscriptions.lock(customer.id)
    if subscription is None or subscription.billed_until != event.period_end or await invoices.get_pending_upgrade(subscription.id):
        return Done(None)  # invoiced before, or an upgrade is being paid: housekeeping publishes the event again

    free, current = await plans.get_offered(FREE, now), await plans.get(subscription.plan_code, subscription.plan_version)
    if subscription.status is SubscriptionStatus.SUSPENDED and not subscription.is_free:
        subscription.schedule_plan(free)
    next_plan, period = await plans.get(*subscription.next_plan), subscription.current_period
    bill = rate(current, period, await usage.by_environment(customer.user_id, period))
    former = await subscriptions.get_last_rated_period(subscription.id)
    late_lines = charges.late_usage_lines(await _rate_again(former, customer.user_id, plans, usage), former.charged) if former else []
    lines = [*late_lines, *charges.usage_lines(bill), *charges.fee_lines(next_plan, subscription.next_period)]
    invoice = Invoice.draft(Purpose.RENEWAL, customer.id, subscription.id, next_plan, subscription.next_period, lines, now)

    is_charged = invoice.total.amount >= MIN_CHARGE_MINOR  # a smaller amount is on the next invoice, as late usage
    charged = charges.usage_cost(bill) if is_charged else Money.zero(current.fee.currency)
    await subscriptions.save_rated_period(RatedPeriod(subscription.id, period, current.code, current.version, charged))
    if former and late_lines and is_charged:
        former.charged += late_lines[0].amount
        await subscriptions.save_rated_period(former)
    events = Subscriber(customer, subscription).renew(current, next_plan, free, now)
    await subscriptions.save(subscription)
    if is_charged:
        events += invoice.issue(await invoices.reserve_number(invoice_series(now)), customer, now)
        await invoices.add(invoice)
        await ledger.post(Transaction.of(TransactionKind.INVOICE_ISSUED, invoice.id, customer.id, invoice.total, now))
        payment, requested = Payment.create(invoice, customer.payment_method or NO_PAYMENT_METHOD, now)
        await payments.add(payment)
        events += requested
    return Done(None, *events)


async def _rate_again(rated: RatedPeriod, user_id: UUID, plans: Plans, usage: Usage) -> Bill:
    return rate(await plans.get(rated.plan_code, rated.plan_version), rated.period, await usage.by_environment(user_id, rated.period))
