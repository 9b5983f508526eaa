"""Refund a credit note at the payment provider."""

from events.billing import PaymentRefunded, RefundFailed
from functions.billing.domain.credit_notes import RefundRequested, RefundStatus
from functions.billing.domain.payments import PaymentStatus
from functions.billing.ports import CreditNotes, Customers, Ledger, PaymentProvider, Payments, Subscriptions
from functions.kernel import Clock, Permanent, Work, effect


@effect(emits=[PaymentRefunded, RefundFailed])
async def on_refund_requested(
    event: RefundRequested,
    credit_notes: CreditNotes,
    payments: Payments,
    customers: Customers,
    subscriptions: Subscriptions,
    ledger: Ledger,
    provider: PaymentProvider,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        note = await credit_notes.get(event.credit_note_id)
        payment = await payments.get_last_attempt(note.invoice_id)
    if note.status is not RefundStatus.PENDING:
        return
    if payment is None or payment.status is not PaymentStatus.SUCCEEDED:
        raise Permanent(f"credit note {note.number}: invoice {note.invoice_id} has no successful payment to refund")

    result = await provider.refund(note, payment)

    async with work.recording() as record:
        await subscriptions.lock(note.customer_id)
        note, now = await credit_notes.get(note.id), clock.now()
        if note.status is not RefundStatus.PENDING:  # a concurrent delivery recorded the outcome
            return
        former, former_provider_id = note.status, note.provider_id
        events = note.settle(result, payment, await customers.get(note.customer_id), now)
        if (note.status, note.provider_id) != (former, former_provider_id):
            await credit_notes.save(note)
        if transaction := note.transaction(former, now):
            await ledger.post(transaction)
        record.emit(*events)
