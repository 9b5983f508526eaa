"""The standing of an account: whether it may start new work, and when what it runs is paused."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from functions.deploy.domain.names import PRODUCTION


class Restriction(StrEnum):
    """Why an account starts nothing new. The worst comes first, and applies alone."""

    SUSPENDED = "subscription-suspended"
    USAGE_EXHAUSTED = "usage-exhausted"
    OVER_QUOTA = "over-quota"


class Status(StrEnum):
    GOOD = "good"
    RESTRICTED = "restricted"
    """Nothing new starts. What runs goes on until the grace period ends."""
    PAUSED = "paused"
    """The grace period is over."""


@dataclass(frozen=True, slots=True)
class GracePolicy:
    """How long what a restricted account runs goes on."""

    period: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Standing:
    """What was decided about an account, and announced."""

    restriction: Restriction | None = None
    restricted_at: datetime | None = None
    pauses_at: datetime | None = None
    is_paused: bool = False

    @property
    def status(self) -> Status:
        if self.restriction is None:
            return Status.GOOD
        return Status.PAUSED if self.is_paused else Status.RESTRICTED

    def review(self, restriction: Restriction | None, policy: GracePolicy, now: datetime) -> Self:
        """Return the standing of now. Another restriction has a grace period of its own, of the length that applies when it begins."""
        cls = type(self)
        if restriction is None:
            return cls()
        if restriction is not self.restriction or self.pauses_at is None:
            return cls(restriction, now, now + policy.period, policy.period <= timedelta(0))
        return replace(self, is_paused=self.is_paused or self.pauses_at <= now)


@dataclass(frozen=True, slots=True)
class RunningEnvironment:
    """An environment that serves or that a deployment is in progress to, and that its user has not stopped."""

    application_id: UUID
    name: str
    created_at: datetime
    memory_mib: int
    is_paused: bool

    @property
    def age(self) -> tuple[UUID, bool, datetime, str]:
        """Sorts the oldest application first, and production before its other environments."""
        return self.application_id, self.name != PRODUCTION, self.created_at, self.name


def environments_to_pause(
    standing: Standing, running: Sequence[RunningEnvironment], applications: int, memory_mib: int
) -> frozenset[tuple[UUID, str]]:
    """Return what must not run, as (application id, environment name).

    Over the quota: the newest ones, until the rest is within `applications` and `memory_mib`. With another restriction: all.
    During the grace period only what is paused already.
    """
    if standing.restriction is None:
        return frozenset()
    kept = (
        _oldest_within(sorted(running, key=lambda each: each.age), applications, memory_mib) if standing.restriction is Restriction.OVER_QUOTA else 0
    )
    candidates = sorted(running, key=lambda each: each.age)[kept:]
    return frozenset((each.application_id, each.name) for each in candidates if standing.is_paused or each.is_paused)


def _oldest_within(oldest_first: Sequence[RunningEnvironment], applications: int, memory_mib: int) -> int:
    """Return how many of the oldest are within the limits together."""
    for count in range(len(oldest_first), 0, -1):
        kept = oldest_first[:count]
        if len({each.application_id for each in kept}) <= applications and sum(each.memory_mib for each in kept) <= memory_mib:
            return count
    return 0
