"""End the plan of a deleted user and charge what is owed.

Housekeeping publishes the event again until the customer is closed. It waits for payments without an outcome and for retries; an
invoice that stays open keeps the customer until an operator has voided it or it is paid.
"""

from events.billing import InvoiceIssued, InvoiceVoided, SubscriptionChanged
from functions.billing.domain.customers import CustomerClosureRequested, CustomerErasureRequested
from functions.billing.domain.payments import Payment, PaymentRequested
from functions.billing.domain.plans import FREE
from functions.billing.domain.subscribers import Subscriber
from functions.billing.ports import Customers, Invoices, Payments, Plans, Subscriptions
from functions.billing.services.invoicing import Invoicing
from functions.kernel import Clock, Done, Order, on


@on(emits=[CustomerErasureRequested, InvoiceIssued, InvoiceVoided, PaymentRequested, SubscriptionChanged], order=Order.ANY)
async def on_customer_closure_requested(
    event: CustomerClosureRequested,
    customers: Customers,
    subscriptions: Subscriptions,
    plans: Plans,
    invoices: Invoices,
    payments: Payments,
    invoicing: Invoicing,
    clock: Clock,
) -> Done[None]:
    now = clock.now()
    customer = await customers.get(event.customer_id)
    subscription = await subscriptions.lock(customer.id)
    if customer.closed_at is not None:
        return Done(None)
    if subscription is not None and (await invoices.get_pending_upgrade(subscription.id) or await invoicing.has_pending_payment(customer.id)):
        return Done(None)
    if subscription is None or subscription.is_free:
        is_settled = not await invoices.has_open(customer.id)
        return Done(None, CustomerErasureRequested(customer_id=customer.id)) if is_settled else Done(None)
    if now >= subscription.billed_until:
        return Done(None)  # its period is invoiced first, and the free plan follows

    free, current = await plans.get_offered(FREE, now), await plans.get(subscription.plan_code, subscription.plan_version)
    period, served_until = subscription.current_period, subscription.suspended_at or now
    subscription.end_today(free, now)
    events, final = await invoicing.end_plan(customer, subscription, current, period, served_until, now)
    await subscriptions.save(subscription)
    if final.number is not None and customer.payment_method is not None:
        payment, requested = Payment.create(final, customer.payment_method, now)
        await payments.add(payment)
        events += requested
    return Done(None, *events, *Subscriber(customer, subscription).report(free, free, now))
