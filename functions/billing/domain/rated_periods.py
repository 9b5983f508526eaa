"""Periods that have ended, and how much of their usage is on invoices.

Usage may arrive long after its period has ended. Each invoice therefore contains, for every open period, the rating of
all usage that has arrived less what earlier invoices contain. A period is closed when no record can arrive for it any
more and everything it costs is on an invoice. So each record is billed exactly once, however late it arrives.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from functions.billing.domain.bill import Bill, Charge
from functions.billing.domain.invoices import InvoiceLine, LineKind
from functions.billing.domain.money import Money
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import MIB_SECONDS_PER_GIB_MONTH, Meter
from functions.billing.domain.usage import MAX_LATENESS

CLOSING_DELAY = MAX_LATENESS + timedelta(days=1)
"""A day more than a record may be late: longer than any transaction that has accepted one may take."""
CPU_MILLISECONDS_PER_HOUR = 3_600_000
NAMES = {
    Meter.REQUESTS: "Requests",
    Meter.CPU_MILLISECONDS: "CPU milliseconds",
    Meter.DATABASE_MIB_SECONDS: "Databases",
    Meter.REDIS_MIB_SECONDS: "Redis memory",
    Meter.VOLUME_MIB_SECONDS: "Volumes",
    Meter.BACKUP_MIB_SECONDS: "Backups and snapshots",
}
"""What an invoice line counts."""


@dataclass(frozen=True, slots=True)
class BilledUsage:
    """Usage on invoices: units of the meter and their price."""

    quantity: int
    amount: Money


@dataclass(slots=True)
class RatedPeriod:
    """`plan_code` and `plan_version` name the plan that rates the usage."""

    subscription_id: UUID
    period: Period
    plan_code: str
    plan_version: int
    billed: dict[Meter, BilledUsage] = field(default_factory=dict)
    is_open: bool = True

    def unbilled_lines(self, bill: Bill, kind: LineKind) -> list[InvoiceLine]:
        """A line per meter for the difference between the rating and earlier invoices. Usage without a price has one on paid plans only."""
        lines = []
        for charge in bill.charges:
            billed = self._billed(charge.meter, charge.amount.currency)
            quantity, amount = charge.quantity - billed.quantity, charge.amount - billed.amount
            if amount.amount or (quantity and bill.plan.fee.amount):
                lines.append(InvoiceLine(kind, _describe(charge, kind), quantity, amount, self.period, charge.meter))
        return lines

    def add(self, lines: Iterable[InvoiceLine]) -> None:
        """Record that these lines are on an invoice."""
        self._change(lines, 1)

    def remove(self, lines: Iterable[InvoiceLine]) -> None:
        """Record that the invoice with these lines is void. The usage is on the next invoice."""
        self._change(lines, -1)
        self.is_open = True

    def _change(self, lines: Iterable[InvoiceLine], sign: int) -> None:
        for line in lines:
            if line.meter is None or line.period.begin != self.period.begin:
                continue
            billed = self._billed(line.meter, line.amount.currency)
            amount = Money(billed.amount.amount + sign * line.amount.amount, line.amount.currency)
            self.billed[line.meter] = BilledUsage(billed.quantity + sign * line.quantity, amount)

    def close(self, bill: Bill, now: datetime) -> None:
        """Close the period if no usage can arrive any more and all of it is billed, also what costs nothing."""
        self.is_open = now < self.period.end + CLOSING_DELAY or bool(self.unbilled_lines(bill, LineKind.USAGE))

    def _billed(self, meter: Meter, currency: str) -> BilledUsage:
        return self.billed.get(meter) or BilledUsage(0, Money.zero(currency))


@dataclass(frozen=True, slots=True)
class UnbilledUsage:
    """The open periods of a subscription, each with the rating of all usage that has arrived."""

    periods: Sequence[tuple[RatedPeriod, Bill]]

    def lines(self, ended: Period) -> list[InvoiceLine]:
        """All that is not on an invoice yet. `ended` is the period whose regular invoice this is; other usage is late."""
        return [
            line
            for rated, bill in self.periods
            for line in rated.unbilled_lines(bill, LineKind.USAGE if rated.period == ended else LineKind.LATE_USAGE)
        ]

    def add(self, lines: Sequence[InvoiceLine]) -> None:
        """Record that these lines are on an invoice."""
        for rated, _ in self.periods:
            rated.add(lines)

    def close(self, now: datetime) -> None:
        """Close the periods that are over for good."""
        for rated, bill in self.periods:
            rated.close(bill, now)


def _describe(charge: Charge, kind: LineKind) -> str:
    name = NAMES[charge.meter]
    if kind is LineKind.LATE_USAGE:
        return f"{name} not billed before"
    match charge.meter:
        case Meter.REQUESTS:
            return f"{name}, {charge.included:,} included"
        case Meter.CPU_MILLISECONDS:
            return f"{name}, {charge.included / CPU_MILLISECONDS_PER_HOUR:g} CPU hours included"
    return f"{name}, {charge.included / MIB_SECONDS_PER_GIB_MONTH:.4g} GiB months included"
