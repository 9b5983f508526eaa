"""Disputes: the customer's bank demands a payment back. The provider withdraws the amount until it is decided."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from events.billing import DisputeChanged
from functions.billing.domain.customers import Customer
from functions.billing.domain.ledger import Transaction, TransactionKind
from functions.billing.domain.money import Money
from functions.billing.domain.payments import Payment
from functions.kernel import Events, new_id


class DisputeStatus(StrEnum):
    OPEN = "open"
    WON = "won"
    LOST = "lost"

    @property
    def is_withdrawn(self) -> bool:
        """Whether the bank has the amount: until the dispute is decided, and after it is lost."""
        return self is not DisputeStatus.WON


@dataclass(frozen=True, slots=True)
class ProviderDispute:
    """A dispute as the provider has it."""

    provider_id: str
    amount: Money
    reason: str
    status: DisputeStatus


@dataclass(slots=True)
class Dispute:
    id: UUID
    provider_id: str
    payment_id: UUID
    invoice_id: UUID
    customer_id: UUID
    amount: Money
    reason: str
    status: DisputeStatus
    opened_at: datetime
    closed_at: datetime | None = None
    version: int = 1

    @classmethod
    def open(cls, dispute: ProviderDispute, payment: Payment, now: datetime) -> "Dispute":
        return cls(
            new_id(),
            dispute.provider_id,
            payment.id,
            payment.invoice_id,
            payment.customer_id,
            dispute.amount,
            dispute.reason,
            DisputeStatus.OPEN,
            now,
        )

    def close(self, status: DisputeStatus, now: datetime) -> bool:
        """Record the outcome. Returns whether it is new; an outcome never changes."""
        if self.status is not DisputeStatus.OPEN or status is DisputeStatus.OPEN:
            return False
        self.status, self.closed_at = status, now
        return True

    def transaction(self, now: datetime) -> Transaction:
        """The ledger transaction of the current status."""
        return Transaction.of(TRANSACTIONS[self.status], self.id, self.customer_id, self.amount, now)

    def report(self, customer: Customer, now: datetime) -> Events:
        return (
            DisputeChanged(
                payment_id=self.payment_id,
                invoice_id=self.invoice_id,
                customer_id=customer.id,
                user_id=customer.user_id,
                amount=self.amount.amount,
                currency=self.amount.currency,
                dispute_id=self.id,
                status=self.status.value,
                reason=self.reason,
                at=now,
            ),
        )


def disputed_amount(disputes: Iterable[Dispute]) -> int:
    """What banks have demanded back and have, in minor units."""
    return sum(dispute.amount.amount for dispute in disputes if dispute.status.is_withdrawn)


TRANSACTIONS = {
    DisputeStatus.OPEN: TransactionKind.DISPUTE_OPENED,
    DisputeStatus.WON: TransactionKind.DISPUTE_WON,
    DisputeStatus.LOST: TransactionKind.DISPUTE_LOST,
}
