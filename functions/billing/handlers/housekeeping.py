"""Clean up the billing database and publish overdue work.

Publishes ended periods, subscriptions to review, customers of deleted users that are not closed, payments and refunds without an outcome
(their state is read at the provider), and retries whose timer was lost. Deletes usage ids and webhook events that can no longer repeat, and
runs the runtime's clean-up.
"""

from datetime import timedelta

from functions.billing.domain.credit_notes import RefundRequested
from functions.billing.domain.customers import CustomerClosureRequested
from functions.billing.domain.payment_methods import PaymentMethodChangeRequested
from functions.billing.domain.payment_policy import PaymentPolicy
from functions.billing.domain.payments import SETTLEMENT_TIMEOUT, PaymentRequested, PaymentRetryRequested
from functions.billing.domain.subscriptions import LATE_USAGE_GRACE, PeriodEnded, SubscriptionReviewRequested
from functions.billing.domain.usage import ID_RETENTION
from functions.billing.ports import CreditNotes, Customers, Housekeeping, PaymentMethodChanges, Payments, Subscriptions, Usage, WebhookEvents
from functions.kernel import Clock, Work, every

BATCH_SIZE = 500
WEBHOOK_EVENT_RETENTION = timedelta(days=60)
"""Stripe repeats an event for three days. https://docs.stripe.com/webhooks#automatic-retries"""


@every(
    "*/10 * * * *",
    emits=[
        *(CustomerClosureRequested, PeriodEnded, PaymentMethodChangeRequested, PaymentRequested, PaymentRetryRequested, RefundRequested),
        SubscriptionReviewRequested,
    ],
)
async def housekeeping(
    housekeeping: Housekeeping,
    customers: Customers,
    subscriptions: Subscriptions,
    payments: Payments,
    credit_notes: CreditNotes,
    method_changes: PaymentMethodChanges,
    webhook_events: WebhookEvents,
    usage: Usage,
    policy: PaymentPolicy,
    clock: Clock,
    work: Work,
) -> None:
    await housekeeping.sweep()
    now = clock.now()
    async with work.recording() as record:
        await usage.prune_ids(now - ID_RETENTION)
        await webhook_events.prune(now - WEBHOOK_EVENT_RETENTION)
        for subscription in await subscriptions.list_ended(now - LATE_USAGE_GRACE, BATCH_SIZE):
            record.emit(PeriodEnded(subscription_id=subscription.id, customer_id=subscription.customer_id, period_end=subscription.billed_until))
        for customer in await customers.list_closing(now - LATE_USAGE_GRACE, BATCH_SIZE):
            record.emit(CustomerClosureRequested(customer_id=customer.id))
        for subscription in await subscriptions.list_to_review(now, BATCH_SIZE):
            record.emit(SubscriptionReviewRequested(customer_id=subscription.customer_id))
        if not policy.is_on:
            return  # what is pending waits until payments are on again
        for payment in await payments.list_pending(now - SETTLEMENT_TIMEOUT, BATCH_SIZE):
            record.emit(PaymentRequested(payment_id=payment.id))
        for payment in await payments.list_due_retries(now - SETTLEMENT_TIMEOUT, BATCH_SIZE):
            record.emit(PaymentRetryRequested(payment_id=payment.id))
        for note in await credit_notes.list_pending(now - SETTLEMENT_TIMEOUT, BATCH_SIZE):
            record.emit(RefundRequested(credit_note_id=note.id))
        for change in await method_changes.list_pending(now - SETTLEMENT_TIMEOUT, BATCH_SIZE):
            record.emit(PaymentMethodChangeRequested(change_id=change.id))
