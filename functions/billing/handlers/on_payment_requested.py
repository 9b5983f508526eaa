"""Charge or check a pending payment and record its outcome.

The provider's result decides, whatever published the event (a command, Stripe's webhook, the retry timer,
housekeeping). The outcome is recorded once, under the lock of the customer's subscription.
"""

from events.billing import InvoiceIssued, PaymentAccountChanged, PaymentFailed, PaymentProcessed, SubscriptionChanged
from functions.billing.domain.customers import AccountStatus
from functions.billing.domain.invoices import InvoiceStatus, invoice_series
from functions.billing.domain.ledger import Transaction, TransactionKind
from functions.billing.domain.parties import Seller
from functions.billing.domain.payments import PaymentRequested, PaymentRetryRequested, PaymentStatus
from functions.billing.domain.plans import FREE
from functions.billing.domain.settlement import apply_decline, apply_success, reactivate
from functions.billing.domain.subscribers import Subscriber
from functions.billing.ports import Customers, Invoices, Ledger, PaymentProvider, Payments, Plans, Subscriptions
from functions.kernel import Clock, Work, effect


@effect(emits=[InvoiceIssued, PaymentAccountChanged, PaymentProcessed, PaymentFailed, PaymentRetryRequested, SubscriptionChanged])
async def on_payment_requested(
    event: PaymentRequested,
    payments: Payments,
    customers: Customers,
    subscriptions: Subscriptions,
    plans: Plans,
    invoices: Invoices,
    ledger: Ledger,
    seller: Seller,
    provider: PaymentProvider,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        payment = await payments.get(event.payment_id)
        customer = await customers.get(payment.customer_id) if payment else None
    if payment is None or customer is None or not payment.is_pending:
        return
    opens_account = customer.provider_id is None  # the payment came before the registration requested the account
    if opens_account:
        provider_id = await provider.open_account(customer)
        async with work.preparing():
            await customers.set_provider_id(customer.id, provider_id)
            customer = await customers.get(customer.id)

    result = await (provider.get_charge(payment.provider_id) if payment.provider_id else provider.charge(payment, customer))

    async with work.recording() as record:
        subscription = await subscriptions.lock(customer.id)
        payment = await payments.get(payment.id)
        assert payment is not None and subscription is not None
        if not payment.is_pending:  # a concurrent delivery recorded the outcome
            return
        now = clock.now()
        if opens_account:
            record.emit(*customer.report_account(AccountStatus.OPENED, now))
        invoice = await invoices.get(payment.invoice_id)
        former_invoice_status, former_subscription = invoice.status, (subscription.plan_code, subscription.status)

        payment.settle(result, now)
        if payment.status is PaymentStatus.SUCCEEDED:
            if invoice.status is InvoiceStatus.DRAFT:
                record.emit(*invoice.issue(await invoices.reserve_number(invoice_series(now)), customer, seller, now))
                await ledger.post(Transaction.of(TransactionKind.INVOICE_ISSUED, invoice.id, customer.id, invoice.total, now))
            await ledger.post(Transaction.of(TransactionKind.PAYMENT_RECEIVED, payment.id, customer.id, payment.amount, now))
            apply_success(invoice, subscription, now)
            if result.method:
                await customers.set_payment_method(customer.id, result.method)
        elif payment.status is PaymentStatus.FAILED:
            apply_decline(payment, invoice, subscription, now)
        record.emit(*payment.report(invoice, customer, now))

        await payments.save(payment)
        if invoice.status is not former_invoice_status:
            await invoices.save(invoice)
        if payment.status is PaymentStatus.SUCCEEDED and not await invoices.has_open(customer.id):
            reactivate(subscription, await plans.get(subscription.plan_code, subscription.plan_version), now)
        if (subscription.plan_code, subscription.status) != former_subscription:
            await subscriptions.save(subscription)
            plan = await plans.get(subscription.plan_code, subscription.plan_version)
            record.emit(*Subscriber(customer, subscription).report(plan, await plans.get_offered(FREE, now), now))
