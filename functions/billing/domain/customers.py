"""Who pays, and for which plan."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from functions.billing.domain.periods import Period, anchor_of
from functions.billing.domain.plans import Plan
from functions.kernel import new_id


class CustomerExists(Exception):
    """The user is a customer already."""


@dataclass(frozen=True, slots=True)
class Customer:
    id: UUID
    user_id: UUID
    email: str
    created_at: datetime

    @classmethod
    def of_user(cls, user_id: UUID, email: str, at: datetime) -> "Customer":
        return cls(new_id(), user_id, email, at)


class Status(StrEnum):
    ACTIVE = "active"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A customer has one that is not ended; it names the version of the plan that was agreed on."""

    id: UUID
    customer_id: UUID
    plan_code: str
    plan_version: int
    status: Status
    anchored_at: datetime
    started_at: datetime

    @classmethod
    def begin(cls, customer: Customer, plan: Plan, at: datetime) -> "Subscription":
        return cls(new_id(), customer.id, plan.code, plan.version, Status.ACTIVE, anchor_of(at), at)

    def period_at(self, moment: datetime) -> Period:
        """A clock that runs a little behind the one that stamped the start must not end in an error: the first period counts from its anchor."""
        return Period.containing(max(moment, self.anchored_at), self.anchored_at)
