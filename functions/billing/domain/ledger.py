"""Double-entry bookkeeping: each fact about money is written once, as entries that sum to zero, and never changed. Debit is positive.

invoice issued     receivable +    revenue −
payment received   provider +      receivable −       (what the payment provider holds for us)
invoice voided     revenue +       receivable −
credit issued      revenue +       receivable −
refund paid        receivable +    provider −
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from functions.billing.domain.money import Money
from functions.kernel import new_id


class Unbalanced(ValueError):
    """Entries that do not sum to zero."""


class Account(StrEnum):
    RECEIVABLE = "receivable"
    REVENUE = "revenue"
    PROVIDER = "provider"


class Fact(StrEnum):
    INVOICE_ISSUED = "invoice-issued"
    INVOICE_VOIDED = "invoice-voided"
    PAYMENT_RECEIVED = "payment-received"
    CREDIT_ISSUED = "credit-issued"
    REFUND_PAID = "refund-paid"


SIDES = {
    Fact.INVOICE_ISSUED: (Account.RECEIVABLE, Account.REVENUE),
    Fact.INVOICE_VOIDED: (Account.REVENUE, Account.RECEIVABLE),
    Fact.PAYMENT_RECEIVED: (Account.PROVIDER, Account.RECEIVABLE),
    Fact.CREDIT_ISSUED: (Account.REVENUE, Account.RECEIVABLE),
    Fact.REFUND_PAID: (Account.RECEIVABLE, Account.PROVIDER),
}
"""Debit and credit."""


@dataclass(frozen=True, slots=True)
class Entry:
    account: Account
    customer_id: UUID
    amount: Money

    def __post_init__(self) -> None:
        if not self.amount.amount:
            raise ValueError("an entry of nothing is none")


@dataclass(frozen=True, slots=True)
class Transaction:
    """`reference` is the invoice, payment or credit note; a fact of it is booked once."""

    id: UUID
    fact: Fact
    reference: UUID
    at: datetime
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        if not self.entries or any(balances(self.entries).values()):
            raise Unbalanced(f"{self.fact} of {self.reference}: {balances(self.entries)}")


def balances(entries: Iterable[Entry]) -> dict[str, int]:
    """The sum by currency."""
    sums: dict[str, int] = {}
    for entry in entries:
        sums[entry.amount.currency] = sums.get(entry.amount.currency, 0) + entry.amount.amount
    return sums


def booked(fact: Fact, reference: UUID, customer_id: UUID, amount: Money, at: datetime) -> Transaction:
    debit, credit = SIDES[fact]
    less = Money(-amount.amount, amount.currency)
    return Transaction(new_id(), fact, reference, at, (Entry(debit, customer_id, amount), Entry(credit, customer_id, less)))
