"""In-memory changes of payment methods."""

from collections.abc import Sequence
from copy import deepcopy
from datetime import datetime
from uuid import UUID

from functions.billing.domain.payment_methods import PaymentMethodChange
from functions.billing.domain.rejections import ChangeInProgress
from tests.memory.billing_money import Rows


class MemoryPaymentMethodChanges:
    def __init__(self) -> None:
        self.changes: Rows[PaymentMethodChange] = Rows()

    async def add(self, change: PaymentMethodChange) -> None:
        if any(row.customer_id == change.customer_id and row.is_pending for row in self.changes.values()):
            raise ChangeInProgress
        self.changes.insert(change)

    async def get(self, change_id: UUID) -> PaymentMethodChange:
        return deepcopy(self.changes[change_id])

    async def get_latest(self, customer_id: UUID) -> PaymentMethodChange | None:
        found = self.changes.where(lambda row: row.customer_id == customer_id)
        return found[-1] if found else None

    async def save(self, change: PaymentMethodChange) -> None:
        self.changes.update_row(change)

    async def list_pending(self, before: datetime, limit: int) -> Sequence[PaymentMethodChange]:
        return self.changes.where(lambda row: row.is_pending and row.requested_at < before, lambda row: row.requested_at)[:limit]
