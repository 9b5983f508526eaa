"""Invoices: draft → open → paid or void.

An upgrade's invoice stays a draft until its payment has succeeded, so that a declined card burns no number; a renewal's is issued first and paid
afterwards. A number is given when an invoice is issued and in that very transaction: numbers of a year have no gap.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import reduce
from operator import add
from uuid import UUID

from functions.billing.domain.money import Money
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import Plan
from functions.kernel import new_id


class InvoiceStatus(StrEnum):
    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"


class Purpose(StrEnum):
    UPGRADE = "upgrade"
    RENEWAL = "renewal"


class LineKind(StrEnum):
    FEE = "fee"
    PRORATION = "proration"
    USAGE = "usage"
    LATE_USAGE = "late-usage"


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    kind: LineKind
    description: str
    quantity: int
    amount: Money
    period: Period


@dataclass(slots=True)
class Invoice:
    """`plan_code` and `plan_version` say what its payment buys or continues, `period` for when."""

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
    version: int = 1

    @classmethod
    def draft(
        cls, purpose: Purpose, customer_id: UUID, subscription_id: UUID, plan: Plan, period: Period, lines: Sequence[InvoiceLine], at: datetime
    ) -> "Invoice":
        total = reduce(add, (line.amount for line in lines), Money.zero(plan.fee.currency))
        return cls(new_id(), customer_id, subscription_id, purpose, plan.code, plan.version, tuple(lines), total, period, at)

    def issue(self, number: str, at: datetime) -> None:
        if self.status is not InvoiceStatus.DRAFT:
            raise ValueError(f"invoice {self.id} is {self.status}, not a draft")
        self.status, self.number, self.issued_at = InvoiceStatus.OPEN, number, at

    def paid(self, at: datetime) -> None:
        if self.status is not InvoiceStatus.OPEN:
            raise ValueError(f"invoice {self.id} is {self.status}, not open")
        self.status, self.settled_at = InvoiceStatus.PAID, at

    def void(self, at: datetime) -> None:
        """A draft that is given up gets no number; an open invoice keeps its own."""
        if self.status not in (InvoiceStatus.DRAFT, InvoiceStatus.OPEN):
            raise ValueError(f"invoice {self.id} is {self.status}: that is for good")
        self.status, self.settled_at = InvoiceStatus.VOID, at


def invoice_series(at: datetime) -> str:
    return f"{at.year}"


def numbered(series: str, count: int) -> str:
    return f"{series}-{count:06}"
