"""Billing's housekeeping: the runtime's sweep; periods that are over; payments and refunds without an outcome, which are compared with the provider;
retries whose timer was lost; and what is too old to come again."""

from datetime import timedelta

from functions.billing.domain.credits import RefundRequested
from functions.billing.domain.payments import UNSETTLED, PaymentRequested, PaymentRetryRequested
from functions.billing.domain.subscriptions import GRACE, PeriodEnded
from functions.billing.domain.usage import IDS_KEPT
from functions.billing.ports import Credits, Housekeeping, Notices, Payments, Subscriptions, Usage
from functions.kernel import Clock, Work, every

AT_A_TIME = 500
NOTICES_KEPT = timedelta(days=60)  # Stripe sends one again for three days


@every("*/10 * * * *", emits=[PeriodEnded, PaymentRequested, PaymentRetryRequested, RefundRequested])
async def housekeeping(
    housekeeping: Housekeeping,
    subscriptions: Subscriptions,
    payments: Payments,
    credits: Credits,
    notices: Notices,
    usage: Usage,
    clock: Clock,
    work: Work,
) -> None:
    await housekeeping.sweep()
    now = clock.now()
    async with work.recording() as record:
        await usage.forget_ids(now - IDS_KEPT)
        await notices.forget(now - NOTICES_KEPT)
        for ended in await subscriptions.ended_before(now - GRACE, AT_A_TIME):
            record.emit(PeriodEnded(subscription_id=ended.id, customer_id=ended.customer_id, period_end=ended.billed_until))
        for payment in await payments.unsettled(now - UNSETTLED, AT_A_TIME):
            record.emit(PaymentRequested(payment_id=payment.id))
        for failed in await payments.to_retry(now - UNSETTLED, AT_A_TIME):
            record.emit(PaymentRetryRequested(payment_id=failed.id))
        for note in await credits.unsettled(now - UNSETTLED, AT_A_TIME):
            record.emit(RefundRequested(credit_note_id=note.id))
