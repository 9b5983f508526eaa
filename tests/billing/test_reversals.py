"""Refunds and disputes: the customer has a credit note, the ledger has every movement once, and nothing is booked twice."""

import pytest

from events.billing import DisputeChanged, PaymentRefunded, RefundFailed
from functions.billing.domain.credit_notes import CreditNote, RefundRequested
from functions.billing.domain.disputes import DisputeStatus, ProviderDispute
from functions.billing.domain.money import Money
from functions.billing.domain.payments import Payment, PaymentReviewRequested, PaymentStatus
from functions.billing.queries.credit_note_pdf import DownloadCreditNote
from functions.billing.queries.invoice import InvoiceView, ShowInvoice
from functions.kernel import Caller, NotFound
from tests.billing.world import OTHER, USER, World


@pytest.fixture
async def paid(world: World) -> World:
    """A customer who has paid 20.00 EUR."""
    await world.subscribed()
    return world


def payment_of(world: World) -> Payment:
    (payment,) = world.payments.payments.values()
    return payment


async def invoice_of(world: World) -> InvoiceView:
    view: InvoiceView = await world.capsule.call(ShowInvoice(invoice_id=payment_of(world).invoice_id), caller=Caller(USER))
    return view


async def review(world: World) -> None:
    """What a webhook of the provider leads to, twice."""
    for _ in range(2):
        await world.publish(PaymentReviewRequested(payment_id=payment_of(world).id))
        await world.settle()


async def note_of(world: World) -> CreditNote:
    (note,) = await world.credit_notes.list_for_invoice(payment_of(world).invoice_id)
    return note


async def test_a_refund_is_mailed_with_its_credit_note_and_marked_on_the_invoice(paid: World) -> None:
    accepted = await paid.refund(payment_of(paid).invoice_id, 500)
    await paid.settle()
    assert ("credit-note-succeeded", accepted.credit_note_id) in paid.mailer.sent
    invoice = await invoice_of(paid)
    assert (invoice.credited.amount, invoice.credits[0].credit_note_id) == (500, accepted.credit_note_id)
    assert [each.credited.amount for each in (await paid.list_invoices()).items] == [500]
    request = DownloadCreditNote(invoice_id=invoice.invoice_id, credit_note_id=accepted.credit_note_id)
    assert (await paid.capsule.call(request, caller=Caller(USER))).content.startswith(b"%PDF")
    await paid.register(OTHER)
    with pytest.raises(NotFound):
        await paid.capsule.call(request, caller=Caller(OTHER))
    await review(paid)  # the webhook of our own refund
    assert await paid.balance() == {"receivable": 0, "revenue": -1500, "provider": 1500}
    assert len(paid.events(PaymentRefunded)) == 1


async def test_a_refund_without_an_outcome_is_read_later_and_not_paid_again(paid: World) -> None:
    paid.provider.refund_status = PaymentStatus.PENDING
    await paid.refund(payment_of(paid).invoice_id)
    await paid.settle()
    note = await note_of(paid)
    assert note.status == "pending" and note.provider_id is not None
    assert await paid.balance() == {"receivable": -2000, "revenue": 0, "provider": 2000}
    paid.provider.set_refund(note.id, PaymentStatus.SUCCEEDED)
    await paid.wait(minutes=10)
    await paid.settle()
    assert (await note_of(paid)).status == "succeeded" and len(paid.provider.refunds) == 1
    assert await paid.balance() == {"receivable": 0, "revenue": 0, "provider": 0}


async def test_a_refund_that_fails_later_is_booked_back_and_may_be_replaced_at_the_provider(paid: World) -> None:
    await paid.refund(payment_of(paid).invoice_id, 500)
    await paid.settle()
    note = await note_of(paid)
    paid.provider.set_refund(note.id, PaymentStatus.FAILED, "The account is closed.")
    await review(paid)
    assert [each.detail for each in paid.events(RefundFailed)] == ["The account is closed."]
    assert ("credit-note-failed", note.id) in paid.mailer.sent
    assert await paid.balance() == {"receivable": -500, "revenue": -1500, "provider": 2000}
    await paid.publish(RefundRequested(credit_note_id=note.id))
    await paid.settle()
    assert (await note_of(paid)).status == "failed"

    paid.provider.refund_at_provider(payment_of(paid), Money(500, "EUR"))
    await review(paid)
    assert (await note_of(paid)).status == "succeeded"
    assert await paid.balance() == {"receivable": 0, "revenue": -1500, "provider": 1500}


async def test_refunds_made_at_the_provider_have_credit_notes(paid: World) -> None:
    for amount in (300, 300):
        paid.provider.refund_at_provider(payment_of(paid), Money(amount, "EUR"))
        await review(paid)
    notes = await paid.credit_notes.list_for_invoice(payment_of(paid).invoice_id)
    assert [(note.number[:3], note.amount.amount, note.status.value) for note in notes] == [("CN-", 300, "succeeded")] * 2
    assert len(paid.events(PaymentRefunded)) == 2
    assert await paid.balance() == {"receivable": 0, "revenue": -1400, "provider": 1400}


@pytest.mark.parametrize(
    ("outcome", "balance"),
    [
        (DisputeStatus.WON, {"receivable": 0, "revenue": -2000, "provider": 2000, "disputed": 0}),
        (DisputeStatus.LOST, {"receivable": 0, "revenue": 0, "provider": 0, "disputed": 0}),
    ],
)
async def test_a_dispute_is_booked_and_told(paid: World, outcome: DisputeStatus, balance: dict[str, int]) -> None:
    payment, dispute = payment_of(paid), ProviderDispute("dp_1", Money(2000, "EUR"), "fraudulent", DisputeStatus.OPEN)
    paid.provider.disputes[payment.id] = [dispute]
    await review(paid)
    assert await paid.balance() == {"receivable": 0, "revenue": -2000, "provider": 0, "disputed": 2000}
    paid.provider.disputes[payment.id] = [ProviderDispute("dp_1", Money(2000, "EUR"), "fraudulent", outcome)]
    await review(paid)
    assert await paid.balance() == balance
    assert [each.status for each in paid.events(DisputeChanged)] == ["open", outcome]
    assert [kind for kind, _ in paid.mailer.sent if kind.startswith("dispute")] == ["dispute-open", f"dispute-{outcome}"]


@pytest.mark.parametrize(("status", "withdrawn"), [(DisputeStatus.OPEN, 1500), (DisputeStatus.WON, 0), (DisputeStatus.LOST, 1500)])
async def test_the_customer_sees_a_dispute_on_the_invoice_and_the_bill(paid: World, status: DisputeStatus, withdrawn: int) -> None:
    payment = payment_of(paid)
    paid.provider.disputes[payment.id] = [ProviderDispute("dp_1", Money(1500, "EUR"), "fraudulent", status)]
    await review(paid)
    bill, invoice = await paid.bill(), await invoice_of(paid)
    assert (bill.paid.amount, bill.disputed.amount, bill.due.amount) == (2000, withdrawn, 0)
    assert [(each.amount.amount, each.status, each.reason) for each in invoice.disputes] == [(1500, status, "fraudulent")]


async def test_a_dispute_that_was_decided_before_it_was_seen_is_booked_completely(paid: World) -> None:
    paid.provider.disputes[payment_of(paid).id] = [ProviderDispute("dp_1", Money(2000, "EUR"), "fraudulent", DisputeStatus.LOST)]
    await review(paid)
    assert await paid.balance() == {"receivable": 0, "revenue": 0, "provider": 0, "disputed": 0}


@pytest.mark.parametrize("point", ["ledger.post", "credit_notes.save", "disputes.add"])
async def test_a_crash_while_booking_is_repaired(paid: World, point: str) -> None:
    paid.provider.refund_at_provider(payment_of(paid), Money(300, "EUR"))
    paid.provider.disputes[payment_of(paid).id] = [ProviderDispute("dp_1", Money(1700, "EUR"), "fraudulent", DisputeStatus.OPEN)]
    store, method = point.split(".")
    adapter = getattr(paid, store)

    async def die(*arguments: object) -> None:
        delattr(adapter, method)
        raise InterruptedError

    setattr(adapter, method, die)
    with pytest.raises(InterruptedError):
        await paid.publish(PaymentReviewRequested(payment_id=payment_of(paid).id))
        await paid.settle()
    vars(adapter).pop(method, None)
    await review(paid)
    assert await paid.balance() == {"receivable": 0, "revenue": -1700, "provider": 0, "disputed": 1700}
    assert len(paid.events(PaymentRefunded)) == 1
