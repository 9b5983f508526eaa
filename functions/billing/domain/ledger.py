"""Double-entry bookkeeping. Debits are positive.

Each transaction is posted once, as entries that sum to zero, and never changes.

    invoice issued     receivable +    revenue −
    payment received   provider +      receivable −
    invoice voided     revenue +       receivable −
    credit issued      revenue +       receivable −
    refund paid        receivable +    provider −
    refund failed      provider +      receivable −
    dispute opened     disputed +      provider −
    dispute won        provider +      disputed −
    dispute lost       revenue +       disputed −

The account `provider` is the money that the payment provider holds for us, `disputed` what it has withdrawn until a
dispute is decided.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from functions.billing.domain.money import Money
from functions.kernel import new_id


class Unbalanced(ValueError):
    """The entries do not sum to zero."""


class Account(StrEnum):
    RECEIVABLE = "receivable"
    REVENUE = "revenue"
    PROVIDER = "provider"
    DISPUTED = "disputed"


class TransactionKind(StrEnum):
    INVOICE_ISSUED = "invoice-issued"
    INVOICE_VOIDED = "invoice-voided"
    PAYMENT_RECEIVED = "payment-received"
    CREDIT_ISSUED = "credit-issued"
    REFUND_PAID = "refund-paid"
    REFUND_FAILED = "refund-failed"
    DISPUTE_OPENED = "dispute-opened"
    DISPUTE_WON = "dispute-won"
    DISPUTE_LOST = "dispute-lost"


DEBIT_AND_CREDIT = {
    TransactionKind.INVOICE_ISSUED: (Account.RECEIVABLE, Account.REVENUE),
    TransactionKind.INVOICE_VOIDED: (Account.REVENUE, Account.RECEIVABLE),
    TransactionKind.PAYMENT_RECEIVED: (Account.PROVIDER, Account.RECEIVABLE),
    TransactionKind.CREDIT_ISSUED: (Account.REVENUE, Account.RECEIVABLE),
    TransactionKind.REFUND_PAID: (Account.RECEIVABLE, Account.PROVIDER),
    TransactionKind.REFUND_FAILED: (Account.PROVIDER, Account.RECEIVABLE),
    TransactionKind.DISPUTE_OPENED: (Account.DISPUTED, Account.PROVIDER),
    TransactionKind.DISPUTE_WON: (Account.PROVIDER, Account.DISPUTED),
    TransactionKind.DISPUTE_LOST: (Account.REVENUE, Account.DISPUTED),
}


@dataclass(frozen=True, slots=True)
class Entry:
    account: Account
    customer_id: UUID
    amount: Money

    def __post_init__(self) -> None:
        if not self.amount.amount:
            raise ValueError("a ledger entry cannot be zero")


@dataclass(frozen=True, slots=True)
class Transaction:
    """`reference` is the id of the invoice, payment, credit note or dispute. A kind is posted once per reference."""

    id: UUID
    kind: TransactionKind
    reference: UUID
    occurred_at: datetime
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        if not self.entries or any(balances(self.entries).values()):
            raise Unbalanced(f"{self.kind} of {self.reference}: {balances(self.entries)}")

    @classmethod
    def of(cls, kind: TransactionKind, reference: UUID, customer_id: UUID, amount: Money, at: datetime) -> "Transaction":
        debit, credit = DEBIT_AND_CREDIT[kind]
        entries = (Entry(debit, customer_id, amount), Entry(credit, customer_id, Money(-amount.amount, amount.currency)))
        return cls(new_id(), kind, reference, at, entries)


def balances(entries: Iterable[Entry]) -> dict[str, int]:
    """Sum in minor units, by currency."""
    sums: dict[str, int] = {}
    for entry in entries:
        sums[entry.amount.currency] = sums.get(entry.amount.currency, 0) + entry.amount.amount
    return sums
