"""A payment is brought forward: charged if it was not, else looked up; its outcome is booked with all that follows from it.

Whoever asks for it (a command, the provider's notice, the retry's timer, the housekeeping), the provider's answer decides; the payment's row takes
an outcome once, under the lock of the customer's subscription.
"""

from events.billing import InvoiceIssued, PaymentAccountChanged, PaymentFailed, PaymentProcessed, SubscriptionChanged
from functions.billing.domain.customers import AccountStatus
from functions.billing.domain.facts import invoice_issued, payment_account_changed, payment_failed, payment_processed, subscription_changed
from functions.billing.domain.invoices import InvoiceStatus, invoice_series
from functions.billing.domain.ledger import Fact, booked
from functions.billing.domain.payments import PaymentRequested, PaymentRetryRequested, PaymentStatus
from functions.billing.domain.plans import FREE
from functions.billing.domain.settlement import collected, declined
from functions.billing.ports import Customers, Invoices, Ledger, PaymentProvider, Payments, Plans, Subscriptions
from functions.kernel import Clock, Work, after, effect


@effect(emits=[InvoiceIssued, PaymentAccountChanged, PaymentProcessed, PaymentFailed, PaymentRetryRequested, SubscriptionChanged])
async def on_payment_requested(
    pending: PaymentRequested,
    payments: Payments,
    customers: Customers,
    subscriptions: Subscriptions,
    plans: Plans,
    invoices: Invoices,
    ledger: Ledger,
    provider: PaymentProvider,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        payment = await payments.get(pending.payment_id)
        customer = await customers.get(payment.customer_id) if payment else None
    if payment is None or customer is None or not payment.pending:
        return
    opens = customer.provider_id is None
    if opens:  # sooner than its registration
        account = await provider.open_account(customer)
        async with work.preparing():
            await customers.keep_provider_id(customer.id, account)
            customer = await customers.get(customer.id)

    answer = await (provider.look(payment.provider_id) if payment.provider_id else provider.charge(payment, customer))

    async with work.recording() as record:
        subscription = await subscriptions.locked(customer.id)
        payment = await payments.get(payment.id)
        assert payment is not None and subscription is not None
        if not payment.pending:
            return
        now = clock.now()
        if opens:
            record.emit(payment_account_changed(customer, AccountStatus.OPENED, now))
        invoice = await invoices.get(payment.invoice_id)
        before = (invoice.status, subscription.plan_code, subscription.status)
        payment.settle(answer, now)
        if payment.status is PaymentStatus.SUCCEEDED:
            if invoice.status is InvoiceStatus.DRAFT:
                invoice.issue(await invoices.next_number(invoice_series(now)), now)
                await ledger.post(booked(Fact.INVOICE_ISSUED, invoice.id, customer.id, invoice.total, now))
                record.emit(invoice_issued(invoice, customer, now))
            await ledger.post(booked(Fact.PAYMENT_RECEIVED, payment.id, customer.id, payment.amount, now))
            collected(invoice, subscription, now)
            if answer.method:
                await customers.keep_payment_method(customer.id, answer.method)
            record.emit(payment_processed(payment, invoice, customer, now))
        elif payment.status is PaymentStatus.FAILED:
            declined(payment, invoice, subscription, now)
            record.emit(payment_failed(payment, customer, now))
            if payment.retry_at:
                record.emit(after(payment.retry_at - now, PaymentRetryRequested(payment_id=payment.id)))
        await payments.save(payment)
        if invoice.status is not before[0]:
            await invoices.save(invoice)
        if payment.status is PaymentStatus.SUCCEEDED and not await invoices.is_overdue(customer.id):
            subscription.restore()
        if (subscription.plan_code, subscription.status) != before[1:]:
            await subscriptions.save(subscription)
            plan = await plans.get(subscription.plan_code, subscription.plan_version)
            record.emit(subscription_changed(subscription, customer, plan, await plans.offered(FREE, now), now))
