"""In-memory credit notes and disputes."""

from collections.abc import Collection, Sequence
from copy import deepcopy
from datetime import datetime
from uuid import UUID

from functions.billing.domain.credit_notes import CreditNote, RefundStatus
from functions.billing.domain.disputes import Dispute
from tests.memory.billing_money import Rows


class MemoryCreditNotes:
    def __init__(self) -> None:
        self.notes: Rows[CreditNote] = Rows()

    async def add(self, note: CreditNote) -> None:
        self.notes.insert(note)

    async def get(self, note_id: UUID) -> CreditNote:
        return deepcopy(self.notes[note_id])

    async def save(self, note: CreditNote) -> None:
        self.notes.update_row(note)

    async def list_for_invoice(self, invoice_id: UUID) -> Sequence[CreditNote]:
        return self.notes.where(lambda row: row.invoice_id == invoice_id)

    async def list_pending(self, before: datetime, limit: int) -> Sequence[CreditNote]:
        return self.notes.where(lambda row: row.status is RefundStatus.PENDING and row.issued_at < before)[:limit]

    async def sum_by_invoice(self, invoice_ids: Sequence[UUID]) -> dict[UUID, int]:
        sums: dict[UUID, int] = {}
        for note in self.notes.values():
            if note.invoice_id in invoice_ids:
                sums[note.invoice_id] = sums.get(note.invoice_id, 0) + note.amount.amount
        return sums


class MemoryDisputes:
    def __init__(self) -> None:
        self.disputes: Rows[Dispute] = Rows()

    async def add(self, dispute: Dispute) -> None:
        self.disputes.insert(dispute)

    async def get(self, dispute_id: UUID) -> Dispute:
        return deepcopy(self.disputes[dispute_id])

    async def save(self, dispute: Dispute) -> None:
        self.disputes.update_row(dispute)

    async def list_for_payments(self, payment_ids: Collection[UUID]) -> Sequence[Dispute]:
        return self.disputes.where(lambda row: row.payment_id in payment_ids)
