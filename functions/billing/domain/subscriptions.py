"""A customer's subscription. Each customer keeps one; its plan changes.

An upgrade starts immediately for the rest of the period (from the free plan: with a new period that begins that day),
once its payment has succeeded. A downgrade or cancellation takes effect when the paid period ends.

    active ──payment of a renewal fails──▶ past_due ──last retry fails──▶ suspended ──paid──▶ active
                                              └──────────────paid──────────────▶ active
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from functions.billing.domain.customers import Customer
from functions.billing.domain.periods import Period, day_start
from functions.billing.domain.plans import FREE, Meter, Plan
from functions.billing.domain.rejections import (
    AlreadySubscribed,
    NothingToCancel,
    NothingToResume,
    PaymentOverdue,
    RenewalInProgress,
)
from functions.kernel import Event, new_id

LATE_USAGE_GRACE = timedelta(hours=1)
"""How long after a period's end its usage may arrive before the invoice is created. Later usage is on the next invoice."""


class PeriodEnded(Event, type="period.ended"):
    """A subscription's period and the grace for late usage are over: invoice it and start the next period."""

    subscription_id: UUID
    customer_id: UUID
    period_end: datetime


class SubscriptionReviewRequested(Event, type="subscription.review-requested"):
    """A subscription may not be reported, or its period is over in which a meter was exhausted: review it."""

    customer_id: UUID


class SubscriptionStatus(StrEnum):
    ACTIVE = "active"
    PAST_DUE = "past_due"
    SUSPENDED = "suspended"
    ENDED = "ended"


class ChangeTiming(StrEnum):
    """When a plan change takes effect."""

    NOW = "now"
    AT_PERIOD_END = "at-period-end"


@dataclass(slots=True)
class Subscription:
    """`plan_version` is the version that was agreed on. `billed_until` is the end of the current period.

    `credit_minor`: what the next invoices are reduced by, for paid time in which the subscription was suspended. Minor
    units of the plans' currency. `exhausted`: the meters of which all that the plan includes is used until `exhausted_until`.
    `is_announced`: whether `subscription.changed` has been published for it since there are limits of usage.
    """

    id: UUID
    customer_id: UUID
    plan_code: str
    plan_version: int
    status: SubscriptionStatus
    anchored_at: datetime
    started_at: datetime
    billed_until: datetime
    next_plan_code: str | None = None
    next_plan_version: int | None = None
    suspended_at: datetime | None = None
    credit_minor: int = 0
    exhausted: tuple[Meter, ...] = ()
    exhausted_until: datetime | None = None
    is_announced: bool = True
    version: int = 1

    @classmethod
    def begin(cls, customer: Customer, plan: Plan, at: datetime) -> "Subscription":
        anchor = day_start(at)
        return cls(new_id(), customer.id, plan.code, plan.version, SubscriptionStatus.ACTIVE, anchor, at, Period.containing(anchor, anchor).end)

    def period_at(self, moment: datetime) -> Period:
        """The period that contains `moment`. The first period, if `moment` is before the anchor because of clock skew."""
        return Period.containing(max(moment, self.anchored_at), self.anchored_at)

    @property
    def current_period(self) -> Period:
        return self.period_at(self.billed_until - timedelta(microseconds=1))

    @property
    def next_period(self) -> Period:
        return self.period_at(self.billed_until)

    @property
    def is_free(self) -> bool:
        return self.plan_code == FREE

    def timing_of(self, plan: Plan, current: Plan, now: datetime) -> ChangeTiming:
        """When a change from the `current` plan to `plan` takes effect. Raises AlreadySubscribed, PaymentOverdue, RenewalInProgress."""
        if self.status is not SubscriptionStatus.ACTIVE:
            raise PaymentOverdue
        if plan.code == self.plan_code:
            raise AlreadySubscribed(f"The subscription has the {plan.name} plan already. To undo a pending cancellation, resume the subscription.")
        if plan.fee.amount <= current.fee.amount:
            return ChangeTiming.AT_PERIOD_END
        if not self.is_free and now >= self.billed_until:
            raise RenewalInProgress(retry_after=3600)
        return ChangeTiming.NOW

    def upgrade_period(self, now: datetime) -> Period:
        """The period that an upgrade pays for: the current one or, from the free plan, one that begins today."""
        if not self.is_free:
            return self.current_period
        anchor = day_start(now)
        return Period.containing(anchor, anchor)

    def upgrade(self, plan_code: str, plan_version: int, period: Period, now: datetime) -> None:
        """Start the paid plan. If `period` is not the current one, later periods are counted from it."""
        if period != self.current_period:
            self.anchored_at, self.billed_until = period.begin, period.end
        self._set_plan(plan_code, plan_version, now)

    def schedule_plan(self, plan: Plan) -> None:
        """Change to `plan` when the current period ends."""
        self.next_plan_code, self.next_plan_version = plan.code, plan.version

    def cancel(self, free: Plan, now: datetime) -> ChangeTiming:
        """Change to the free plan; immediately if suspended, because then nothing is served. Raises NothingToCancel, RenewalInProgress."""
        if self.status is SubscriptionStatus.SUSPENDED and not self.is_free:
            self.end_today(free, now)
            return ChangeTiming.NOW
        if self.is_free or self.next_plan_code == FREE:
            raise NothingToCancel
        self.schedule_plan(free)
        return ChangeTiming.AT_PERIOD_END

    def end_today(self, free: Plan, now: datetime) -> None:
        """Begin the free plan with a period of its own that begins today. Raises RenewalInProgress."""
        if now >= self.billed_until:
            raise RenewalInProgress(retry_after=3600)
        begin = max(day_start(now), self.current_period.begin)
        self.anchored_at, self.billed_until = begin, Period.containing(begin, begin).end
        self.reactivate()
        self._set_plan(free.code, free.version, now)

    def resume(self) -> None:
        """Undo a scheduled cancellation or plan change. Raises NothingToResume."""
        if self.next_plan_code is None:
            raise NothingToResume
        self.next_plan_code = self.next_plan_version = None

    @property
    def next_plan(self) -> tuple[str, int]:
        """Code and version of the plan of the next period."""
        if self.next_plan_code is not None and self.next_plan_version is not None:
            return self.next_plan_code, self.next_plan_version
        return self.plan_code, self.plan_version

    def renew(self, now: datetime) -> None:
        """Start the next period, with its scheduled plan if there is one."""
        self.billed_until = self.next_period.end
        if self.next_plan_code is not None and self.next_plan_version is not None:
            self._set_plan(self.next_plan_code, self.next_plan_version, now)

    def set_exhausted(self, meters: tuple[Meter, ...], period_end: datetime) -> bool:
        """Set the meters of which all is used until the end of the period. Returns whether that is new."""
        until = period_end if meters else None
        if (meters, until) == (self.exhausted, self.exhausted_until):
            return False
        self.exhausted, self.exhausted_until = meters, until
        return True

    def mark_past_due(self) -> None:
        if self.status is SubscriptionStatus.ACTIVE:
            self.status = SubscriptionStatus.PAST_DUE

    def suspend(self, now: datetime) -> None:
        if self.status is not SubscriptionStatus.SUSPENDED:
            self.status, self.suspended_at = SubscriptionStatus.SUSPENDED, now

    def reactivate(self) -> None:
        self.status, self.suspended_at = SubscriptionStatus.ACTIVE, None

    def _set_plan(self, plan_code: str, plan_version: int, now: datetime) -> None:
        self.plan_code, self.plan_version, self.started_at = plan_code, plan_version, now
        self.next_plan_code = self.next_plan_version = None
