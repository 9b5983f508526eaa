"""What an application's owner wants to be told of.

Every application has three rules from the beginning: a failed deployment, a deployment that was rolled back, and more than 5 % of answers 5xx over
five minutes. They may be deleted, and others made.

The platform itself is an application without an owner (`applications.PLATFORM`); its rules are of dead letters, its environments the functions that
could not handle them. Operators are told as owners are: at the webhooks that an admin has made for it, and by mail if CAPSULE_OPERATORS says where.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from functions.kernel import FieldError, new_id
from functions.monitor.domain.applications import PLATFORM
from functions.monitor.domain.dead_letters import Waiting
from functions.monitor.domain.durations import quantile
from functions.monitor.domain.rejections import InvalidRule
from functions.monitor.domain.requests import Health

LONGEST_WINDOW = timedelta(hours=6)
SHORTEST_WINDOW = timedelta(seconds=30)
MOST_RULES = 20
COUNTED = timedelta(minutes=50)
"""Contexts count their dead letters every ten minutes: what is older than some of that tells of nothing any more."""


class RuleKind(StrEnum):
    DEPLOYMENT_FAILED = "deployment-failed"
    DEPLOYMENT_ROLLED_BACK = "deployment-rolled-back"
    ERROR_RATE = "error-rate"
    LATENCY = "latency"
    DEAD_LETTERS = "dead-letters"
    DEAD_LETTER_AGE = "dead-letter-age"
    EVENTS_GIVEN_UP = "events-given-up"

    @property
    def is_measured(self) -> bool:
        """A condition over a window, rather than something that happened."""
        return self not in (RuleKind.DEPLOYMENT_FAILED, RuleKind.DEPLOYMENT_ROLLED_BACK)

    @property
    def is_of_platform(self) -> bool:
        return self in OF_DEAD_LETTERS


OF_DEAD_LETTERS = (RuleKind.DEAD_LETTERS, RuleKind.DEAD_LETTER_AGE, RuleKind.EVENTS_GIVEN_UP)


@dataclass(frozen=True, slots=True)
class Rule:
    """`environment` None: each by itself. `threshold`: a share of requests (error-rate), milliseconds at the 95th percentile (latency); of one
    function, how many dead letters wait (dead-letters, and of those the events that came too early: events-given-up) or for how many seconds the
    oldest does (dead-letter-age). `lasting`: for so long it must be over the threshold. `least`: fewer requests within the window say nothing. A
    count of dead letters that is older than the window says nothing."""

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
        if kind.is_of_platform != (application_id == PLATFORM.id):
            faults.append(FieldError("/kind", "dead letters are the platform's, and the rest is not"))
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
        window = max(window, COUNTED) if kind.is_of_platform else window
        return cls(new_id(), application_id, kind, at, environment, threshold, window, lasting, least)

    @property
    def patience(self) -> timedelta:
        """So long after the last look an open alert is looked at though no requests came."""
        return max(self.window / 5, SHORTEST_WINDOW)

    def concerns(self, environment: str) -> bool:
        return self.environment in (None, environment)

    def breach(self, health: Health) -> float | None:
        """The value that is over the threshold; None if it is not, or if too few requests were made to tell."""
        if health.requests < max(self.least, 1):
            return None
        return self._over(health.errors / health.requests if self.kind is RuleKind.ERROR_RATE else quantile(health.buckets, 0.95))

    def breach_of(self, waiting: Waiting | None, now: datetime) -> float | None:
        """As `breach`, of dead letters of one function; None: nothing is known of any."""
        if waiting is None or not waiting.letters:
            return None
        if self.kind is RuleKind.DEAD_LETTER_AGE:
            return self._over((now - waiting.oldest_at).total_seconds())
        return self._over(waiting.given_up if self.kind is RuleKind.EVENTS_GIVEN_UP else waiting.letters)

    def _over(self, value: float | None) -> float | None:
        return value if value is not None and self.threshold is not None and value > self.threshold else None


def presets(application_id: UUID, at: datetime) -> Collection[Rule]:
    """What everybody has from the beginning. Of dead letters: more than ten of one function, one that is left for an hour, and at once if an event
    that must not be left out was given up."""
    if application_id == PLATFORM.id:
        limits = {RuleKind.DEAD_LETTERS: 10.0, RuleKind.DEAD_LETTER_AGE: 3600.0, RuleKind.EVENTS_GIVEN_UP: 0.0}
        return tuple(Rule(new_id(), application_id, kind, at, threshold=most, window=COUNTED, preset=True) for kind, most in limits.items())
    return (
        Rule(new_id(), application_id, RuleKind.DEPLOYMENT_FAILED, at, preset=True),
        Rule(new_id(), application_id, RuleKind.DEPLOYMENT_ROLLED_BACK, at, preset=True),
        Rule(new_id(), application_id, RuleKind.ERROR_RATE, at, threshold=0.05, window=timedelta(minutes=5), least=10, preset=True),
    )
