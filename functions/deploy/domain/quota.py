"""How many applications and how much memory a user may run, and why an account starts nothing new."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Self
from uuid import UUID

from events.deploy import AccountStandingChanged, QuotaGranted
from functions.deploy.domain.rejections import ApplicationQuotaExceeded, MemoryQuotaExceeded, OverQuota, SubscriptionSuspended, UsageExhausted
from functions.deploy.domain.standing import GracePolicy, Restriction, Standing
from functions.deploy.domain.storage_amounts import FREE, StorageAmounts, check_storage
from functions.kernel import Events

CPU_MILLISECONDS_PER_HOUR = 3_600_000
MIB_SECONDS_PER_GIB_HOUR = 1024 * 3600


@dataclass(frozen=True, slots=True)
class ExhaustedMeter:
    """A meter of which all that the plan includes is used."""

    meter: str
    included: int

    def __str__(self) -> str:
        if self.meter == "cpu_milliseconds":
            return f"{self.included / CPU_MILLISECONDS_PER_HOUR:,g} CPU hours"
        if self.meter.endswith("_mib_seconds"):
            return f"{self.included / MIB_SECONDS_PER_GIB_HOUR:,.4g} GiB hours of {self.meter.removesuffix('_mib_seconds')} storage"
        return f"{self.included:,} {self.meter.replace('_', ' ')}"


@dataclass(frozen=True, slots=True)
class Quota:
    """Limits and usage of one user. Every user starts with the free plan's limits; other plans raise them."""

    user_id: UUID
    applications: int
    memory_mib: int
    granted_at: datetime
    applications_used: int = 0
    memory_used_mib: int = 0
    is_suspended: bool = False
    """The subscription is suspended, since an invoice is overdue."""
    plan: str = "free"
    exhausted: tuple[ExhaustedMeter, ...] = ()
    renews_at: datetime | None = None
    """When what is exhausted is available again."""
    standing: Standing = field(default_factory=Standing)
    storage: StorageAmounts = FREE
    """The limits of data services, volumes and backups. What is used of them: `StorageUse`."""

    @classmethod
    def default(cls, user_id: UUID, at: datetime) -> Self:
        return cls(user_id=user_id, applications=5, memory_mib=2560, granted_at=at)

    @property
    def restriction(self) -> Restriction | None:
        """Why the account starts nothing new, as of now. `standing` has what was announced."""
        if self.is_suspended:
            return Restriction.SUSPENDED
        if self.exhausted:
            return Restriction.USAGE_EXHAUSTED
        if self.applications_used > self.applications or self.memory_used_mib > self.memory_mib:
            return Restriction.OVER_QUOTA
        return None

    def describe(self, restriction: Restriction | None) -> str:
        """The reason as a sentence for the account's owner; empty without a restriction."""
        match restriction:
            case Restriction.SUSPENDED:
                return f"Your {self.plan} subscription is suspended, since an invoice is overdue."
            case Restriction.USAGE_EXHAUSTED:
                until = f" until {self.renews_at.day} {self.renews_at:%B %Y}" if self.renews_at else ""
                return f"Your {self.plan} plan includes {' and '.join(str(each) for each in self.exhausted)}{until}, and all of it is used."
            case Restriction.OVER_QUOTA:
                return (
                    f"You use {self.applications_used} of {self.applications} applications and {self.memory_used_mib} of {self.memory_mib} MiB "
                    f"of your {self.plan} plan."
                )
        return ""

    def check_work(self, *, is_growth: bool) -> None:
        """`is_growth`: more may run afterwards than before. Raises SubscriptionSuspended; for growth, also UsageExhausted and OverQuota."""
        reason = self.describe(self.restriction)
        if self.restriction is Restriction.SUSPENDED:
            raise SubscriptionSuspended(f"{reason} Pay it to deploy again.")
        if is_growth and self.restriction is Restriction.USAGE_EXHAUSTED:
            raise UsageExhausted(f"{reason} Nothing new starts until then: change to a larger plan, or wait.")
        if is_growth and self.restriction is Restriction.OVER_QUOTA:
            raise OverQuota(
                f"{reason} Nothing new starts while that is too much: delete applications or environments, scale down, or change your plan."
            )

    def check_room(self, memory_mib: int) -> None:
        """Whether another application fits, which has reserved so much memory. Raises ApplicationQuotaExceeded and MemoryQuotaExceeded."""
        if self.applications_used >= self.applications:
            raise ApplicationQuotaExceeded.of(self.applications_used, self.applications, self.plan)
        if memory_mib and self.memory_used_mib + memory_mib > self.memory_mib:
            raise MemoryQuotaExceeded(
                f"The team uses {self.memory_used_mib} of {self.memory_mib} MiB of its {self.plan} plan, and the application has {memory_mib} MiB. "
                "Scale it down or change the plan."
            )

    def check_storage(self, used: StorageAmounts, more: StorageAmounts) -> None:
        """Whether more storage fits. Raises DataServiceQuotaExceeded, VolumeQuotaExceeded and BackupQuotaExceeded."""
        check_storage(used, self.storage, more, self.plan)

    def review(self, policy: GracePolicy, now: datetime) -> tuple[Standing, Events]:
        """Return the standing of now, with an event if it has changed."""
        standing = self.standing.review(self.restriction, policy, now)
        if (standing.restriction, standing.is_paused) == (self.standing.restriction, self.standing.is_paused):
            return standing, ()
        changed = AccountStandingChanged(
            user_id=self.user_id,
            standing=standing.status,
            restriction=standing.restriction,
            detail=self.describe(standing.restriction),
            pauses_at=standing.pauses_at,
            at=now,
        )
        return standing, (changed,)

    def granted_event(self) -> QuotaGranted:
        return QuotaGranted(user_id=self.user_id, applications=self.applications, memory_mib=self.memory_mib, at=self.granted_at)
