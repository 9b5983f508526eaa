"""A credit note's money is given back."""

from events.billing import PaymentRefunded
from functions.billing.domain.credits import RefundRequested, RefundStatus
from functions.billing.domain.facts import payment_refunded
from functions.billing.domain.ledger import Fact, booked
from functions.billing.domain.payments import PaymentStatus
from functions.billing.ports import Credits, Customers, Ledger, PaymentProvider, Payments, Subscriptions
from functions.kernel import Clock, Permanent, Work, effect


@effect(emits=[PaymentRefunded])
async def on_refund_requested(
    pending: RefundRequested,
    credits: Credits,
    payments: Payments,
    customers: Customers,
    subscriptions: Subscriptions,
    ledger: Ledger,
    provider: PaymentProvider,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        note = await credits.get(pending.credit_note_id)
        payment = await payments.last_of(note.invoice_id)
    if note.status is not RefundStatus.PENDING:
        return
    if payment is None or payment.status is not PaymentStatus.SUCCEEDED:
        raise Permanent(f"invoice {note.invoice_id} is paid by no payment that could be refunded")

    answer = await provider.refund(note, payment)

    async with work.recording() as record:
        await subscriptions.locked(note.customer_id)
        note, now = await credits.get(note.id), clock.now()
        if answer.status is PaymentStatus.PENDING or not note.settle(answer.provider_id, answer.failure_message, now):
            return
        await credits.save(note)
        if note.status is RefundStatus.SUCCEEDED:
            await ledger.post(booked(Fact.REFUND_PAID, note.id, note.customer_id, note.amount, now))
            record.emit(payment_refunded(note, payment, await customers.get(note.customer_id), now))
