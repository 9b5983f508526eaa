"""What an application's owner wants to be told of.

Every application has three rules from the beginning: a failed deployment, a deployment that was rolled back, and more than 5 % of answers 5xx over
five minutes. They may be deleted, and others made.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from functions.kernel import FieldError, new_id
from functions.monitor.domain.durations import quantile
from functions.monitor.domain.rejections import InvalidRule
from functions.monitor.domain.requests import Health

LONGEST_WINDOW = timedelta(hours=6)
SHORTEST_WINDOW = timedelta(seconds=30)
MOST_RULES = 20


class RuleKind(StrEnum):
    DEPLOYMENT_FAILED = "deployment-failed"
    DEPLOYMENT_ROLLED_BACK = "deployment-rolled-back"
    ERROR_RATE = "error-rate"
    LATENCY = "latency"

    @property
    def is_measured(self) -> bool:
        """A condition over a window, rather than something that happened."""
        return self in (RuleKind.ERROR_RATE, RuleKind.LATENCY)


@dataclass(frozen=True, slots=True)
class Rule:
    """`environment` None: each by itself. `threshold`: a share of requests (error-rate), milliseconds at the 95th percentile (latency).
    `lasting`: for so long it must be over the threshold. `least`: fewer requests within the window say nothing."""

    id: UUID
    application_id: UUID
    kind: RuleKind
    created_at: datetime
    environment: str | None = None
    threshold: float | None = None
    window: timedelta = timedelta(minutes=5)
    lasting: timedelta = timedelta(0)
    least: int = 1
    preset: bool = False

    @classmethod
    def make(
        cls,
        application_id: UUID,
        kind: RuleKind,
        at: datetime,
        *,
        environment: str | None,
        threshold: float | None,
        window: timedelta,
        lasting: timedelta,
        least: int,
    ) -> Self:
        """Raises InvalidRule."""
        faults = []
        if kind.is_measured and threshold is None:
            faults.append(FieldError("/threshold", "a rule over a window needs a threshold"))
        if not kind.is_measured and threshold is not None:
            faults.append(FieldError("/threshold", "what happened to a deployment has no threshold"))
        if kind is RuleKind.ERROR_RATE and threshold is not None and not 0 <= threshold < 1:
            faults.append(FieldError("/threshold", "a share of the requests: 0.05 is 5 %"))
        if kind is RuleKind.LATENCY and threshold is not None and threshold <= 0:
            faults.append(FieldError("/threshold", "milliseconds, more than none"))
        if not SHORTEST_WINDOW <= window <= LONGEST_WINDOW:
            faults.append(FieldError("/window", "from 30 seconds to 6 hours"))
        if not timedelta(0) <= lasting <= LONGEST_WINDOW:
            faults.append(FieldError("/for", "up to 6 hours"))
        if faults:
            raise InvalidRule("; ".join(fault.detail for fault in faults), errors=faults)
        return cls(new_id(), application_id, kind, at, environment, threshold, window, lasting, least)

    @property
    def patience(self) -> timedelta:
        """So long after the last look an open alert is looked at though no requests came."""
        return max(self.window / 5, SHORTEST_WINDOW)

    def concerns(self, environment: str) -> bool:
        return self.environment in (None, environment)

    def breach(self, health: Health) -> float | None:
        """The value that is over the threshold; None if it is not, or if too few requests were made to tell."""
        if self.threshold is None or health.requests < max(self.least, 1):
            return None
        value = health.errors / health.requests if self.kind is RuleKind.ERROR_RATE else quantile(health.buckets, 0.95)
        return value if value is not None and value > self.threshold else None


def presets(application_id: UUID, at: datetime) -> Collection[Rule]:
    return (
        Rule(new_id(), application_id, RuleKind.DEPLOYMENT_FAILED, at, preset=True),
        Rule(new_id(), application_id, RuleKind.DEPLOYMENT_ROLLED_BACK, at, preset=True),
        Rule(new_id(), application_id, RuleKind.ERROR_RATE, at, threshold=0.05, window=timedelta(minutes=5), least=10, preset=True),
    )
