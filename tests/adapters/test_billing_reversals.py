"""Contracts of the stores of credit notes and disputes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from functions.billing.domain.credit_notes import CreditNote
from functions.billing.domain.disputes import Dispute, DisputeStatus, ProviderDispute
from functions.billing.domain.money import Money
from functions.billing.domain.payments import PaymentStatus, ProviderResult
from functions.kernel import Transient, new_id
from tests.adapters.billing_stores import NOW, Store, new_number, store, url

__all__ = ["store", "url"]


async def test_a_credit_note_is_stored_completely(store: Store) -> None:
    customer, subscription = await store.customer()
    invoice = await store.invoice(subscription, new_number())
    payment = await store.payment(invoice)
    note = CreditNote(new_id(), invoice.id, customer.id, new_number(), Money(500, "EUR"), "sorry", NOW)
    async with store.transaction():
        await store.credit_notes.add(note)
        assert list(await store.credit_notes.list_for_invoice(invoice.id)) == [note]
        assert note.id in [each.id for each in await store.credit_notes.list_pending(NOW + timedelta(hours=1), 1000)]
        note.settle(ProviderResult(f"re_{note.id}", PaymentStatus.SUCCEEDED), payment, customer, NOW)
        await store.credit_notes.save(note)
        assert await store.credit_notes.get(note.id) == note
        assert note.id not in [each.id for each in await store.credit_notes.list_pending(NOW + timedelta(hours=1), 1000)]


async def test_credit_notes_are_summed_by_invoice(store: Store) -> None:
    customer, subscription = await store.customer()
    invoice = await store.invoice(subscription, new_number())
    async with store.transaction():
        assert await store.credit_notes.sum_by_invoice([invoice.id]) == {}
        for _ in range(2):
            note = CreditNote(new_id(), invoice.id, customer.id, new_number(), Money(500, "EUR"), "sorry", NOW)
            await store.credit_notes.add(note)
        assert await store.credit_notes.sum_by_invoice([invoice.id, new_id()]) == {invoice.id: 1000}
        assert await store.credit_notes.sum_by_invoice([]) == {}


async def test_a_dispute_is_stored_completely(store: Store) -> None:
    _, subscription = await store.customer()
    payment = await store.payment(await store.invoice(subscription, new_number()))
    dispute = Dispute.open(ProviderDispute(f"dp_{new_id().hex}", Money(2000, "EUR"), "fraudulent", DisputeStatus.OPEN), payment, NOW)
    async with store.transaction():
        await store.disputes.add(dispute)
        assert await store.disputes.get(dispute.id) == dispute
    stale = replace(dispute)
    dispute.close(DisputeStatus.LOST, NOW)
    async with store.transaction():
        await store.disputes.save(dispute)
        assert list(await store.disputes.list_for_payments([payment.id])) == [dispute]
    with pytest.raises(Transient):
        async with store.transaction():
            await store.disputes.save(stale)
