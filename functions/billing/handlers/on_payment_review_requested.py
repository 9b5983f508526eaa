"""Record refunds and disputes made at the provider.

Refunds that were made at the provider get a credit note. A refund that failed later is booked back. Repeating changes
nothing.
"""

from events.billing import DisputeChanged, PaymentRefunded, RefundFailed
from functions.billing.domain.credit_notes import CreditNote, credit_note_series
from functions.billing.domain.disputes import Dispute
from functions.billing.domain.ledger import Transaction, TransactionKind
from functions.billing.domain.payments import PaymentReviewRequested, PaymentStatus
from functions.billing.ports import CreditNotes, Customers, Disputes, Invoices, Ledger, PaymentProvider, Payments, Subscriptions
from functions.kernel import Clock, Work, effect


@effect(emits=[DisputeChanged, PaymentRefunded, RefundFailed])
async def on_payment_review_requested(
    event: PaymentReviewRequested,
    payments: Payments,
    customers: Customers,
    subscriptions: Subscriptions,
    invoices: Invoices,
    credit_notes: CreditNotes,
    disputes: Disputes,
    ledger: Ledger,
    provider: PaymentProvider,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        payment = await payments.get(event.payment_id)
    if payment is None or payment.provider_id is None:
        return

    refunds = await provider.list_refunds(payment)
    provider_disputes = await provider.list_disputes(payment)

    async with work.recording() as record:
        await subscriptions.lock(payment.customer_id)
        now, customer, invoice = clock.now(), await customers.get(payment.customer_id), await invoices.get(payment.invoice_id)
        notes = list(await credit_notes.list_for_invoice(invoice.id))
        for refund in refunds:
            note = next((each for each in notes if refund.is_of(each)), None)
            if note is not None and note.provider_id not in (None, refund.provider_id):
                continue  # it failed, and another refund has replaced it
            note = note or next((each for each in notes if refund.replaces(each)), None)
            if note is None:
                if refund.result.status is PaymentStatus.FAILED:
                    continue  # never reached the customer, and never was ours
                number = await invoices.reserve_number(credit_note_series(now))
                note = CreditNote.of_provider_refund(invoice, refund, number, now)
                await credit_notes.add(note)
                await ledger.post(Transaction.of(TransactionKind.CREDIT_ISSUED, note.id, customer.id, note.amount, now))
                notes.append(note)
            former, former_provider_id = note.status, note.provider_id
            events = note.settle(refund.result, payment, customer, now)
            if (note.status, note.provider_id) != (former, former_provider_id):
                await credit_notes.save(note)
            if transaction := note.transaction(former, now):
                await ledger.post(transaction)
            record.emit(*events)
        known = {each.provider_id: each for each in await disputes.list_for_payments([payment.id])}
        for reported in provider_disputes:
            dispute = known.get(reported.provider_id)
            if dispute is None:
                dispute = Dispute.open(reported, payment, now)
                await disputes.add(dispute)
                await ledger.post(dispute.transaction(now))
                record.emit(*dispute.report(customer, now))
            if dispute.close(reported.status, now):
                await disputes.save(dispute)
                await ledger.post(dispute.transaction(now))
                record.emit(*dispute.report(customer, now))
