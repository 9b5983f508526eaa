"""Invoices: draft → open → paid or void.

The invoice of an upgrade stays a draft until its payment succeeds, so a declined card uses no number. The invoice of a
renewal is issued first and paid afterwards. The final invoice of a suspended plan replaces an open one: it contains the
time that was served and the usage, and is not charged automatically. An invoice gets its number in the transaction that issues it, so the
numbers of a year have no gap.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import reduce
from operator import add
from uuid import UUID

from events.billing import InvoiceIssued, InvoiceVoided
from functions.billing.domain.customers import Customer
from functions.billing.domain.money import Money
from functions.billing.domain.parties import Parties, Seller
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import Meter, Plan
from functions.kernel import Events, new_id


class InvoiceStatus(StrEnum):
    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"


class Purpose(StrEnum):
    UPGRADE = "upgrade"
    RENEWAL = "renewal"
    FINAL = "final"


class LineKind(StrEnum):
    FEE = "fee"
    PRORATION = "proration"
    CREDIT = "credit"
    USAGE = "usage"
    LATE_USAGE = "late-usage"


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """`meter`: what `quantity` counts, for usage. None for fees and credits."""

    kind: LineKind
    description: str
    quantity: int
    amount: Money
    period: Period
    meter: Meter | None = None

    @property
    def is_fee(self) -> bool:
        """Whether it is for time on a plan."""
        return self.kind in (LineKind.FEE, LineKind.PRORATION)


@dataclass(slots=True)
class Invoice:
    """`plan_code` and `plan_version` name the plan that the payment buys or continues, for `period`."""

    id: UUID
    customer_id: UUID
    subscription_id: UUID
    purpose: Purpose
    plan_code: str
    plan_version: int
    lines: tuple[InvoiceLine, ...]
    total: Money
    period: Period
    created_at: datetime
    status: InvoiceStatus = InvoiceStatus.DRAFT
    number: str | None = None
    issued_at: datetime | None = None
    settled_at: datetime | None = None
    buyer_email: str | None = None
    """The customer's address when the invoice was issued."""
    parties: Parties | None = None
    """As they were then; None for invoices of former versions."""
    version: int = 1

    @classmethod
    def draft(
        cls, purpose: Purpose, customer_id: UUID, subscription_id: UUID, plan: Plan, period: Period, lines: Sequence[InvoiceLine], now: datetime
    ) -> "Invoice":
        total = reduce(add, (line.amount for line in lines), Money.zero(plan.fee.currency))
        return cls(new_id(), customer_id, subscription_id, purpose, plan.code, plan.version, tuple(lines), total, period, now)

    def issue(self, number: str, customer: Customer, seller: Seller, now: datetime) -> Events:
        if self.status is not InvoiceStatus.DRAFT:
            raise ValueError(f"invoice {self.id} is {self.status}, not a draft")
        self.status, self.number, self.issued_at, self.buyer_email = InvoiceStatus.OPEN, number, now, customer.email
        self.parties = seller.parties(customer.billing_details)
        return (
            InvoiceIssued(
                invoice_id=self.id,
                customer_id=customer.id,
                user_id=customer.user_id,
                number=number,
                total=self.total.amount,
                currency=self.total.currency,
                at=now,
            ),
        )

    def mark_paid(self, now: datetime) -> None:
        if self.status is not InvoiceStatus.OPEN:
            raise ValueError(f"invoice {self.id} is {self.status}, not open")
        self.status, self.settled_at = InvoiceStatus.PAID, now

    def void(self, now: datetime) -> None:
        """A voided draft has no number; a voided open invoice keeps its number."""
        if self.status not in (InvoiceStatus.DRAFT, InvoiceStatus.OPEN):
            raise ValueError(f"invoice {self.id} is {self.status} and can no longer be voided")
        self.status, self.settled_at = InvoiceStatus.VOID, now

    def void_issued(self, customer: Customer, reason: str, now: datetime) -> Events:
        """Void an open invoice: nothing of it is owed any more."""
        self.void(now)
        assert self.number is not None
        return (
            InvoiceVoided(
                invoice_id=self.id,
                customer_id=customer.id,
                user_id=customer.user_id,
                number=self.number,
                total=self.total.amount,
                currency=self.total.currency,
                reason=reason,
                at=now,
            ),
        )

    @property
    def used_credit_minor(self) -> int:
        """How much of the customer's credit for suspended time it contains."""
        return -sum(line.amount.amount for line in self.lines if line.kind is LineKind.CREDIT)

    def has_unserved_time(self, served_until: datetime) -> bool:
        """Whether an unpaid fee of a renewal is for time after `served_until`."""
        return self.purpose is Purpose.RENEWAL and any(line.is_fee and line.period.end > served_until for line in self.lines)


def invoice_series(at: datetime) -> str:
    return f"{at.year}"


def format_number(series: str, count: int) -> str:
    return f"{series}-{count:06}"
