"""A customer's subscription: one for good, whose plan changes.

Upwards at once, for what is left of the period (from the free plan: with a period of its own that begins that day); downwards, and away, when
the period that is paid for ends. Nothing is bought by asking: an upgrade takes effect when its payment has succeeded.

    active ──a renewal's payment fails──▶ past_due ──the last try fails──▶ suspended ──paid──▶ active
                                             └──────────────paid──────────────▶ active
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from functions.billing.domain.customers import Customer
from functions.billing.domain.money import Money
from functions.billing.domain.periods import Period, anchor_of
from functions.billing.domain.plans import FREE, Plan
from functions.billing.domain.rejections import AlreadySubscribed, NothingToCancel, NothingToResume, PaymentOverdue, RenewalUnderWay
from functions.kernel import Event, new_id

GRACE = timedelta(hours=1)
"""How long after a period's end its use may still come in before the invoice is written; what comes later stands on the next one."""


class PeriodEnded(Event, type="period.ended"):
    """A subscription's period is over, and so is the grace for late use: the next one begins."""

    subscription_id: UUID
    customer_id: UUID
    period_end: datetime


class Status(StrEnum):
    ACTIVE = "active"
    PAST_DUE = "past_due"
    SUSPENDED = "suspended"
    ENDED = "ended"


class Change(StrEnum):
    """When another plan begins."""

    NOW = "now"
    AT_PERIOD_END = "at-period-end"


@dataclass(slots=True)
class Subscription:
    """It names the version of the plan that was agreed on. `billed_until` is the end of the running period."""

    id: UUID
    customer_id: UUID
    plan_code: str
    plan_version: int
    status: Status
    anchored_at: datetime
    started_at: datetime
    billed_until: datetime
    next_plan_code: str | None = None
    next_plan_version: int | None = None
    version: int = 1

    @classmethod
    def begin(cls, customer: Customer, plan: Plan, at: datetime) -> "Subscription":
        anchor = anchor_of(at)
        return cls(new_id(), customer.id, plan.code, plan.version, Status.ACTIVE, anchor, at, Period.containing(anchor, anchor).end)

    def period_at(self, moment: datetime) -> Period:
        """A clock that runs a little behind the one that stamped the start must not end in an error: the first period counts from its anchor."""
        return Period.containing(max(moment, self.anchored_at), self.anchored_at)

    @property
    def running_period(self) -> Period:
        return self.period_at(self.billed_until - timedelta(microseconds=1))

    @property
    def coming_period(self) -> Period:
        return self.period_at(self.billed_until)

    @property
    def is_free(self) -> bool:
        return self.plan_code == FREE

    def change_to(self, plan: Plan, current: Plan, now: datetime) -> Change:
        """When `plan` would begin. Raises AlreadySubscribed, PaymentOverdue, RenewalUnderWay."""
        if self.status is not Status.ACTIVE:
            raise PaymentOverdue
        if plan.code == self.plan_code:
            raise AlreadySubscribed
        if plan.fee.amount <= current.fee.amount:
            return Change.AT_PERIOD_END
        if not self.is_free and now >= self.billed_until:
            raise RenewalUnderWay(retry_after=3600)
        return Change.NOW

    def first_period(self, now: datetime) -> Period:
        """The period that an upgrade of today is paid for: the running one, or, from the free plan, one that begins today."""
        if not self.is_free:
            return self.running_period
        anchor = anchor_of(now)
        return Period.containing(anchor, anchor)

    def upgrade(self, plan_code: str, plan_version: int, period: Period, now: datetime) -> None:
        """What was paid for begins. A period that is not the running one is a new one to count from."""
        if period != self.running_period:
            self.anchored_at, self.billed_until = period.begin, period.end
        self._take(plan_code, plan_version, now)
        self.next_plan_code = self.next_plan_version = None

    def change_later(self, plan: Plan) -> None:
        self.next_plan_code, self.next_plan_version = plan.code, plan.version

    def cancel(self, free: Plan, now: datetime) -> Change:
        """A suspended one ends at once: nothing is running that was paid for. Raises NothingToCancel."""
        if self.is_free or self.next_plan_code == FREE:
            raise NothingToCancel
        if self.status is Status.SUSPENDED:
            self.status = Status.ACTIVE
            self._take(free.code, free.version, now)
            self.next_plan_code = self.next_plan_version = None
            return Change.NOW
        self.change_later(free)
        return Change.AT_PERIOD_END

    def resume(self) -> None:
        """Raises NothingToResume."""
        if self.next_plan_code is None:
            raise NothingToResume
        self.next_plan_code = self.next_plan_version = None

    @property
    def coming_plan(self) -> tuple[str, int]:
        if self.next_plan_code is not None and self.next_plan_version is not None:
            return self.next_plan_code, self.next_plan_version
        return self.plan_code, self.plan_version

    def renew(self, now: datetime) -> None:
        """The next period begins, with the plan that was chosen for it."""
        self.billed_until = self.coming_period.end
        if self.next_plan_code is not None and self.next_plan_version is not None:
            self._take(self.next_plan_code, self.next_plan_version, now)
            self.next_plan_code = self.next_plan_version = None

    def fall_behind(self) -> None:
        if self.status is Status.ACTIVE:
            self.status = Status.PAST_DUE

    def suspend(self) -> None:
        self.status = Status.SUSPENDED

    def restore(self) -> bool:
        """Whether it was behind."""
        behind, self.status = self.status is not Status.ACTIVE, Status.ACTIVE
        return behind

    def _take(self, plan_code: str, plan_version: int, now: datetime) -> None:
        self.plan_code, self.plan_version, self.started_at = plan_code, plan_version, now


@dataclass(slots=True)
class RatedPeriod:
    """A period that has ended: by which plan its use was rated, and what was billed for it so far."""

    subscription_id: UUID
    period: Period
    plan_code: str
    plan_version: int
    charged: Money
