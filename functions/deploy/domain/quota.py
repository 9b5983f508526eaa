"""How many applications and how much memory a user may run."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from events.deploy import QuotaGranted
from functions.deploy.domain.rejections import OverQuota, SubscriptionSuspended


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

    @classmethod
    def default(cls, user_id: UUID, at: datetime) -> Self:
        return cls(user_id=user_id, applications=5, memory_mib=2560, granted_at=at)

    def check_subscription(self) -> None:
        """Raises SubscriptionSuspended."""
        if self.is_suspended:
            raise SubscriptionSuspended(
                "Your subscription is suspended, since an invoice is overdue. Pay it to deploy again; what runs is not changed by this request."
            )

    def check_limits(self) -> None:
        """Raises OverQuota if more is in use than the limits allow, as after a change to a smaller plan."""
        if self.applications_used > self.applications or self.memory_used_mib > self.memory_mib:
            raise OverQuota.of(self.applications_used, self.applications, self.memory_used_mib, self.memory_mib)

    def granted_event(self) -> QuotaGranted:
        return QuotaGranted(user_id=self.user_id, applications=self.applications, memory_mib=self.memory_mib, at=self.granted_at)
