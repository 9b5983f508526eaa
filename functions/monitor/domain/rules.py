"""Alert rules.

Every application starts with three preset rules: a failed deployment, a rolled back deployment, and more than 5 % of responses 5xx over five minutes.
They can be deleted, and others created. A preset rule is stored when something refers to it: an alert, or its deletion.

The platform itself is an application without an owner (`applications.PLATFORM`). Its rules are about dead letters; its environments are the functions
that could not handle them. Operators are notified through the platform's webhooks and at the addresses in CAPSULE_OPERATORS.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self
from uuid import UUID, uuid5

from functions.kernel import FieldError, new_id
from functions.monitor.domain.applications import PLATFORM
from functions.monitor.domain.dead_letters import Waiting
from functions.monitor.domain.durations import quantile
from functions.monitor.domain.rejections import InvalidRule
from functions.monitor.domain.requests import Health

MAX_WINDOW = timedelta(hours=6)
MIN_WINDOW = timedelta(seconds=30)
MAX_RULES = 20
FUNCTION_NAME = re.compile(r"(auth|billing|deploy|monitor)\.[a-z][a-z0-9_]{0,62}")
COUNT_LIFETIME = timedelta(minutes=50)
"""Contexts count their dead letters every ten minutes; an older count is ignored."""


class RuleKind(StrEnum):
    DEPLOYMENT_FAILED = "deployment-failed"
    DEPLOYMENT_ROLLED_BACK = "deployment-rolled-back"
    SCHEDULED_RUN_FAILED = "scheduled-run-failed"
    """It failed, or has not come."""
    BACKUP_FAILED = "backup-failed"
    """A backup of a data service failed, could not be verified, or has not come."""
    CERTIFICATE_FAILED = "certificate-failed"
    """The certificate of a domain was not renewed, twice or more."""
    ERROR_RATE = "error-rate"
    LATENCY = "latency"
    DEAD_LETTERS = "dead-letters"
    DEAD_LETTER_AGE = "dead-letter-age"
    EVENTS_GIVEN_UP = "events-given-up"

    @property
    def is_measured(self) -> bool:
        """A condition over a window, as opposed to a single event."""
        return self not in OF_EVENTS

    @property
    def is_of_platform(self) -> bool:
        return self in OF_DEAD_LETTERS


class NoData(StrEnum):
    """What a measured rule does in a window without data: keep the alert's state, resolve the alert, or fire."""

    KEEP = "keep"
    RESOLVE = "resolve"
    FIRE = "fire"


class Verdict(StrEnum):
    BREACHED = "breached"
    HEALTHY = "healthy"
    UNKNOWN = "unknown"
    """No data, and the rule keeps the state."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A window as a rule judges it. `value`: as measured; None without data. `sample`: measured requests or dead letters."""

    verdict: Verdict
    value: float | None = None
    sample: int = 0

    @property
    def is_breach(self) -> bool:
        return self.verdict is Verdict.BREACHED


OF_INCIDENTS = (RuleKind.SCHEDULED_RUN_FAILED, RuleKind.BACKUP_FAILED, RuleKind.CERTIFICATE_FAILED)
"""About one thing that fails again and again: an incident from the first failure to the next success."""
OF_EVENTS = (RuleKind.DEPLOYMENT_FAILED, RuleKind.DEPLOYMENT_ROLLED_BACK, *OF_INCIDENTS)
OF_DEAD_LETTERS = (RuleKind.DEAD_LETTERS, RuleKind.DEAD_LETTER_AGE, RuleKind.EVENTS_GIVEN_UP)


@dataclass(frozen=True, slots=True)
class Rule:
    """`environment`: None evaluates each environment by itself.
    `threshold`: ratio of 5xx responses (error-rate), milliseconds at the 95th percentile (latency), number of dead letters of a function
    (dead-letters), skipped events (events-given-up) or seconds since its oldest dead letter (dead-letter-age).
    `pending_period`: how long the condition must hold before the alert fires.
    `min_requests`: with fewer requests the window has no data.
    `no_data`: what a window without data means. A rule that fires on it names an environment.
    """

    id: UUID
    application_id: UUID
    kind: RuleKind
    created_at: datetime
    environment: str | None = None
    threshold: float | None = None
    window: timedelta = timedelta(minutes=5)
    pending_period: timedelta = timedelta(0)
    min_requests: int = 1
    preset: bool = False
    no_data: NoData = NoData.KEEP

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
        pending_period: timedelta,
        min_requests: int,
        no_data: NoData = NoData.KEEP,
    ) -> Self:
        """Raises InvalidRule."""
        faults = []
        if kind.is_of_platform != (application_id == PLATFORM.id):
            faults.append(FieldError("/kind", "rules about dead letters belong to the platform, all other rules to applications"))
        if kind.is_of_platform and environment is not None and not FUNCTION_NAME.fullmatch(environment):
            detail = f'"{environment}" is no function: use context.function, such as deploy.on_user_created. List them: capsule admin functions'
            faults.append(FieldError("/environment", detail))
        if kind.is_of_platform and threshold is not None and threshold < 0:
            faults.append(FieldError("/threshold", f"{threshold:g}: use 0 or more"))
        if kind.is_measured and threshold is None:
            faults.append(FieldError("/threshold", f"{kind} rules need a threshold"))
        if not kind.is_measured and threshold is not None:
            faults.append(FieldError("/threshold", f"{kind} rules have no threshold"))
        if kind is RuleKind.ERROR_RATE and threshold is not None and not 0 <= threshold < 1:
            faults.append(FieldError("/threshold", f"{threshold:g} is not a ratio of requests: use 0.05 for 5 %"))
        if kind is RuleKind.LATENCY and threshold is not None and threshold <= 0:
            faults.append(FieldError("/threshold", f"{threshold:g} ms: use more than 0"))
        if not MIN_WINDOW <= window <= MAX_WINDOW:
            faults.append(FieldError("/window", f"{window.total_seconds():g} s: use 30 seconds to 6 hours"))
        if not timedelta(0) <= pending_period <= MAX_WINDOW:
            faults.append(FieldError("/for", f"{pending_period.total_seconds():g} s: use 0 to 6 hours"))
        if no_data is not NoData.KEEP and not kind.is_measured:
            faults.append(FieldError("/noData", f"{kind} rules have no windows without data: leave noData out"))
        if no_data is NoData.FIRE and environment is None:
            faults.append(FieldError("/noData", "a rule that fires without data needs an environment"))
        if faults:
            raise InvalidRule("; ".join(fault.detail for fault in faults), errors=faults)
        window = max(window, COUNT_LIFETIME) if kind.is_of_platform else window
        return cls(new_id(), application_id, kind, at, environment, threshold, window, pending_period, min_requests, no_data=no_data)

    @property
    def check_interval(self) -> timedelta:
        """How long after its last evaluation an open alert is evaluated again if no data arrives."""
        return max(self.window / 5, MIN_WINDOW)

    def applies_to(self, environment: str) -> bool:
        return self.environment in (None, environment)

    def judge(self, health: Health) -> Observation:
        """Judge the requests of a window."""
        if health.requests < max(self.min_requests, 1):
            return self._without_data(health.requests)
        value = health.errors / health.requests if self.kind is RuleKind.ERROR_RATE else quantile(health.buckets, 0.95)
        return self._without_data(health.requests) if value is None else self._measured(value, health.requests)

    def judge_dead_letters(self, waiting: Waiting | None, now: datetime) -> Observation:
        """Judge the dead letters of one function. None: they were not counted within the window."""
        if waiting is None:
            return self._without_data(0)
        if not waiting.letters:
            return Observation(Verdict.HEALTHY, 0.0)
        if self.kind is RuleKind.DEAD_LETTER_AGE:
            return self._measured((now - waiting.oldest_at).total_seconds(), waiting.letters)
        return self._measured(waiting.skipped_events if self.kind is RuleKind.EVENTS_GIVEN_UP else waiting.letters, waiting.letters)

    def _measured(self, value: float, sample: int) -> Observation:
        is_breach = self.threshold is not None and value > self.threshold
        return Observation(Verdict.BREACHED if is_breach else Verdict.HEALTHY, value, sample)

    def _without_data(self, sample: int) -> Observation:
        verdicts = {NoData.KEEP: Verdict.UNKNOWN, NoData.RESOLVE: Verdict.HEALTHY, NoData.FIRE: Verdict.BREACHED}
        return Observation(verdicts[self.no_data], None, sample)


PRESETS = UUID("5b0e2f5e-0a5c-5d0f-8f0e-6f1d2a9c4b37")
"""The namespace of the ids of preset rules (RFC 9562, 5.5): one has the same id before and after it is stored."""


def _preset(application_id: UUID, kind: RuleKind, at: datetime, **values: Any) -> Rule:
    return Rule(uuid5(PRESETS, f"{application_id}/{kind}"), application_id, kind, at, preset=True, **values)


def incident_preset(kind: RuleKind, application_id: UUID, at: datetime) -> Rule:
    """The rule that an application has from the first failure of this kind on."""
    return _preset(application_id, kind, at)


def presets(application_id: UUID, at: datetime) -> Collection[Rule]:
    """Rules that every application starts with. The platform's: over ten dead letters of a function, one older than an hour, a skipped event."""
    if application_id == PLATFORM.id:
        limits = {RuleKind.DEAD_LETTERS: 10.0, RuleKind.DEAD_LETTER_AGE: 3600.0, RuleKind.EVENTS_GIVEN_UP: 0.0}
        return tuple(
            _preset(application_id, kind, at, threshold=most, window=COUNT_LIFETIME, no_data=NoData.RESOLVE) for kind, most in limits.items()
        )
    return (
        _preset(application_id, RuleKind.DEPLOYMENT_FAILED, at),
        _preset(application_id, RuleKind.DEPLOYMENT_ROLLED_BACK, at),
        _preset(application_id, RuleKind.ERROR_RATE, at, threshold=0.05, window=timedelta(minutes=5), min_requests=10),
    )
