"""Refund a credit note at the payment provider."""

from events.billing import PaymentRefunded
from functions.billing.domain.credit_notes import RefundRequested, RefundStatus
from functions.billing.domain.ledger import Transaction, TransactionKind
from functions.billing.domain.payments import PaymentStatus
from functions.billing.ports import CreditNotes, Customers, Ledger, PaymentProvider, Payments, Subscriptions
from functions.kernel import Clock, Permanent, Work, effect


@effect(emits=[PaymentRefunded])
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
        events = note.settle(result, payment, await customers.get(note.customer_id), now)
        if note.status is RefundStatus.PENDING:
            return
        await credit_notes.save(note)
        if note.status is RefundStatus.SUCCEEDED:
            await ledger.post(Transaction.of(TransactionKind.REFUND_PAID, note.id, note.customer_id, note.amount, now))
        record.emit(*events)
