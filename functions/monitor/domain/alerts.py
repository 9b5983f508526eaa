"""An alert: pending → firing → resolved, one row per incident.

    a condition over a window   pending for the rule's `pending_period`, then firing; resolved when the condition no longer holds. A condition that
                                returns within five minutes continues the same incident and sends no new notification. A window without data
                                means what the rule says: by default a firing alert goes on firing.
    a failed deployment         fires at once; the next successful deployment of that environment resolves it. `failed` and `rolled back` of one
                                deployment are one incident.
    a schedule, a backup,       a run, a backup or a renewal that failed or did not come fires at once; the next one that succeeds resolves it.
    a certificate               What was deleted has no incident any more, also if a failure is reported afterwards.

`state_version` counts the transitions: a timer that was set before the last transition does nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from events.monitor import AlertFired, AlertResolved
from functions.kernel import Delayed, Event, after, new_id
from functions.monitor.domain.rules import Observation, Rule, RuleKind, Verdict
from functions.monitor.domain.timers import GROUP_WAIT, REPEAT, SETTLE, SILENCE_INTERVAL, SLACK, AlertCheckRequested, AlertDeliveryRequested

Events = tuple[Event | Delayed, ...]


class State(StrEnum):
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Notice(StrEnum):
    """The kind of a notification."""

    FIRING = "firing"
    RESOLVED = "resolved"
    TEST = "test"


@dataclass(slots=True)
class Alert:
    """`closed`: the incident has ended; a later one with the same name is another alert."""

    id: UUID
    application_id: UUID
    rule_id: UUID
    incident: str
    kind: RuleKind
    environment: str
    state: State
    summary: str
    began_at: datetime
    state_version: int = 0
    value: float | None = None
    threshold: float | None = None
    deployment_id: UUID | None = None
    correlation_id: str | None = None
    occurrences: int = 1
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: UUID | None = None
    last_notice: Notice | None = None
    notified_at: datetime | None = None
    closed: bool = False

    # --- deployments

    @classmethod
    def of_deployment(
        cls, rule: Rule, *, deployment_id: UUID, environment: str, summary: str, correlation_id: str, at: datetime
    ) -> tuple[Self, Events]:
        incident = incident_of_deployment(deployment_id)
        alert = cls(new_id(), rule.application_id, rule.id, incident, rule.kind, environment, State.PENDING, summary, at)
        alert.deployment_id, alert.correlation_id = deployment_id, correlation_id
        return alert, alert._fire(at)

    def merge(self, rule: Rule, summary: str) -> None:
        """Merge the second event about the same deployment. A rollback replaces a failure."""
        if rule.kind is RuleKind.DEPLOYMENT_ROLLED_BACK and self.kind is not rule.kind:
            self.kind, self.rule_id, self.summary = rule.kind, rule.id, summary

    # --- schedules, backups, certificates

    @classmethod
    def of_incident(cls, rule: Rule, incident: str, subject: str, summary: str, correlation_id: str, at: datetime) -> tuple[Self, Events]:
        """`subject`: an environment, or what else fails, as people read it."""
        alert = cls(new_id(), rule.application_id, rule.id, incident, rule.kind, subject, State.PENDING, summary, at)
        alert.correlation_id = correlation_id
        return alert, alert._fire(at)

    @property
    def is_firing(self) -> bool:
        return self.state is State.FIRING

    # --- conditions over a window

    @classmethod
    def of_condition(cls, rule: Rule, environment: str, observation: Observation, now: datetime) -> tuple[Self, Events]:
        alert = cls(new_id(), rule.application_id, rule.id, incident_of(rule, environment), rule.kind, environment, State.PENDING, "", now)
        alert.threshold = rule.threshold
        alert._measure(rule, observation)
        if rule.pending_period:
            alert.state_version += 1
            return alert, (after(rule.pending_period, alert._check()),)
        return alert, (*alert._fire(now), after(rule.check_interval, alert._check()))

    def observe(self, rule: Rule, observation: Observation, now: datetime) -> Events:
        """Apply a new observation; return the events to publish. The value and the summary of a firing alert follow each breach."""
        if self.state is State.PENDING:
            if not observation.is_breach:  # without data nothing shows that the condition lasts
                self.state_version += 1
                self.state, self.resolved_at, self.closed = State.RESOLVED, now, True
                return ()
            if now - self.began_at < rule.pending_period - SLACK:
                return ()
            self._measure(rule, observation)
            return (*self._fire(now), after(rule.check_interval, self._check()))
        if self.state is State.FIRING:
            if observation.is_breach:
                self._measure(rule, observation)
            return self.resolve(now) if observation.verdict is Verdict.HEALTHY else ()
        if not observation.is_breach:
            return ()
        self._measure(rule, observation)
        self.state_version += 1
        self.state, self.resolved_at = State.FIRING, None
        self.occurrences += 1
        return (after(rule.check_interval, self._check()),)

    def schedule_check(self, rule: Rule, observation: Observation) -> Events:
        """Schedule the next evaluation of a firing alert, in case no data arrives. Less often while there is none."""
        interval = rule.check_interval if observation.value is not None else max(rule.window, SILENCE_INTERVAL)
        return (after(interval, self._check()),) if self.state is State.FIRING else ()

    # --- end

    def resolve(self, now: datetime) -> Events:
        if self.state is not State.FIRING:
            return ()
        self.state_version += 1
        self.state, self.resolved_at = State.RESOLVED, now
        resolved = AlertResolved(alert_id=self.id, application_id=self.application_id, environment=self.environment, kind=self.kind, at=now)
        return (resolved, after(SETTLE, AlertDeliveryRequested(alert_id=self.id, state_version=self.state_version)))

    def end(self, now: datetime) -> None:
        """Close without a notification: the rule, environment or application was deleted."""
        if self.state is not State.RESOLVED:
            self.state_version += 1
            self.state, self.resolved_at = State.RESOLVED, now
        self.closed = True

    def acknowledge(self, by: UUID, at: datetime) -> None:
        """Stop repeated notifications. The first acknowledgement is kept."""
        if self.acknowledged_at is None:
            self.acknowledged_at, self.acknowledged_by = at, by

    # --- notifications

    def notice(self, now: datetime) -> Notice | None:
        """The notification that is due now, if any."""
        if self.state is State.FIRING and self.last_notice is None:
            return Notice.FIRING
        if self.state is State.FIRING and self.kind.is_measured and self.acknowledged_at is None:
            return Notice.FIRING if self.notified_at is not None and now - self.notified_at >= REPEAT - SLACK else None
        if self.state is State.RESOLVED and self.last_notice is Notice.FIRING and self._settled(now):
            return Notice.RESOLVED
        return None

    def notify(self, notice: Notice, now: datetime) -> Events:
        """Record that a notification is sent; return the timer of the next one."""
        self.last_notice, self.notified_at = notice, now
        self.close_if_settled(now)
        if notice is Notice.FIRING and self.kind.is_measured:
            return (after(REPEAT, AlertDeliveryRequested(alert_id=self.id, state_version=self.state_version)),)
        return ()

    def close_if_settled(self, now: datetime) -> None:
        self.closed = self.closed or (self.state is State.RESOLVED and self._settled(now))

    def _settled(self, now: datetime) -> bool:
        return self.resolved_at is not None and now - self.resolved_at >= SETTLE - SLACK

    def _fire(self, now: datetime) -> Events:
        self.state_version += 1
        self.state, self.fired_at = State.FIRING, now
        fired = AlertFired(
            alert_id=self.id,
            application_id=self.application_id,
            environment=self.environment,
            kind=self.kind,
            summary=self.summary,
            deployment_id=self.deployment_id,
            at=now,
        )
        return (fired, after(GROUP_WAIT, AlertDeliveryRequested(alert_id=self.id, state_version=self.state_version)))

    def _check(self) -> AlertCheckRequested:
        return AlertCheckRequested(alert_id=self.id, state_version=self.state_version)

    def _measure(self, rule: Rule, observation: Observation) -> None:
        self.value, self.threshold = observation.value, rule.threshold
        self.summary = _summary(rule, self.environment, observation, rule.threshold or 0)


def evaluate(known: Alert | None, rule: Rule, environment: str, observation: Observation, now: datetime) -> tuple[list[Alert], Events]:
    """Apply an observation of a condition. Returns the alerts that changed and the events to publish."""
    changed: list[Alert] = []
    messages: Events = ()
    if known is not None:
        before = (known.state_version, known.value, known.summary)
        known.close_if_settled(now)
        if not known.closed:
            messages = known.observe(rule, observation, now)
        if known.closed or before != (known.state_version, known.value, known.summary):
            changed.append(known)
    if observation.is_breach and (known is None or known.closed):
        alert, started = Alert.of_condition(rule, environment, observation, now)
        return [*changed, alert], (*messages, *started)
    return changed, messages


def _summary(rule: Rule, environment: str, observation: Observation, limit: float) -> str:
    minutes, value = f"{rule.window.total_seconds() / 60:g} min", observation.value
    if value is None:
        return _silence(rule, environment, observation.sample, minutes)
    match rule.kind:
        case RuleKind.ERROR_RATE:
            return f"{value:.1%} of requests to {environment} failed with 5xx in {minutes} (threshold {limit:.1%})"
        case RuleKind.LATENCY:
            return f"p95 latency of {environment} is {value:.0f} ms over {minutes} (threshold {limit:g} ms)"
        case RuleKind.DEAD_LETTERS:
            return f"{environment} has {value:g} dead letters (threshold {limit:g})"
        case RuleKind.DEAD_LETTER_AGE:
            return f"the oldest dead letter of {environment} is {value / 3600:.1f} h old (threshold {limit / 3600:g} h)"
        case RuleKind.EVENTS_GIVEN_UP:
            return f"{environment} skipped {value:g} event{'s' * (value > 1)}: the preceding event never arrived"
        case _:
            raise ValueError(f"{rule.kind} is not a condition over a window")


def _silence(rule: Rule, environment: str, sample: int, minutes: str) -> str:
    if rule.kind.is_of_platform:
        return f"the dead letters of {environment} were not counted in {minutes}"
    if sample:
        return f"{environment} got only {sample} request{'s' * (sample > 1)} in {minutes}, fewer than {rule.min_requests}"
    return f"{environment} got no requests in {minutes}"


def incident_of_deployment(deployment_id: UUID) -> str:
    return f"deployment:{deployment_id}"


def incident_of_schedule(schedule_id: UUID) -> str:
    return f"schedule:{schedule_id}"


def incident_of_backups(service_id: UUID) -> str:
    return f"backups:{service_id}"


def incident_of_certificate(domain_id: UUID) -> str:
    return f"certificate:{domain_id}"


def incident_of(rule: Rule, environment: str) -> str:
    return f"rule:{rule.id}:{environment}"
