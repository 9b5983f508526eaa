"""An alert: pending → firing → resolved, one row for one incident.

    a condition over a window   pending while it has not lasted as long as its rule wants; firing; resolved when it is over. What comes back within
                                five minutes is the same incident, goes on firing and is told to nobody again.
    a failed deployment         fires at once; the next deployment of that environment that succeeds resolves it. `failed` and `rolled back` of one
                                deployment are one incident.

`turn` counts the moves: a timer that was set before the last move does nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from events.monitor import AlertFired, AlertResolved
from functions.kernel import Delayed, Event, after, new_id
from functions.monitor.domain.rules import Rule, RuleKind
from functions.monitor.domain.timers import GROUP_WAIT, REPEAT, SETTLE, SLACK, AlertCheckRequested, AlertDeliveryRequested

Events = tuple[Event | Delayed, ...]


class State(StrEnum):
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Notice(StrEnum):
    """What the owner has last been told of an alert, or is to be told."""

    FIRING = "firing"
    RESOLVED = "resolved"
    TEST = "test"


@dataclass(slots=True)
class Alert:
    """`closed`: its incident is over for good; another one with the same name is another alert."""

    id: UUID
    application_id: UUID
    rule_id: UUID
    incident: str
    kind: RuleKind
    environment: str
    state: State
    summary: str
    began_at: datetime
    turn: int = 0
    value: float | None = None
    threshold: float | None = None
    deployment_id: UUID | None = None
    correlation_id: str | None = None
    occurrences: int = 1
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: UUID | None = None
    told: Notice | None = None
    told_at: datetime | None = None
    closed: bool = False

    # --- what happened to a deployment

    @classmethod
    def of_deployment(
        cls, rule: Rule, *, deployment_id: UUID, environment: str, summary: str, correlation_id: str, at: datetime
    ) -> tuple[Self, Events]:
        incident = incident_of_deployment(deployment_id)
        alert = cls(new_id(), rule.application_id, rule.id, incident, rule.kind, environment, State.PENDING, summary, at)
        alert.deployment_id, alert.correlation_id = deployment_id, correlation_id
        return alert, alert._fire(at)

    def merge(self, rule: Rule, summary: str) -> None:
        """The other fact of the same deployment. A rollback says more than a failure."""
        if rule.kind is RuleKind.DEPLOYMENT_ROLLED_BACK and self.kind is not rule.kind:
            self.kind, self.rule_id, self.summary = rule.kind, rule.id, summary

    # --- a condition over a window

    @classmethod
    def of_condition(cls, rule: Rule, environment: str, value: float, now: datetime) -> tuple[Self, Events]:
        alert = cls(new_id(), rule.application_id, rule.id, incident_of(rule, environment), rule.kind, environment, State.PENDING, "", now)
        alert.threshold = rule.threshold
        alert._measure(rule, value)
        if rule.lasting:
            alert.turn += 1
            return alert, (after(rule.lasting, alert._check()),)
        return alert, (*alert._fire(now), after(rule.patience, alert._check()))

    def observe(self, rule: Rule, value: float | None, now: datetime) -> Events:
        """`value`: what is over the threshold now; None: nothing is. Answers what is to be said; the alert has moved if that is something."""
        if self.state is State.PENDING:
            if value is None:
                self.turn += 1
                self.state, self.resolved_at, self.closed = State.RESOLVED, now, True
                return ()
            if now - self.began_at < rule.lasting - SLACK:
                return ()
            self._measure(rule, value)
            return (*self._fire(now), after(rule.patience, self._check()))
        if self.state is State.FIRING:
            return self.resolve(now) if value is None else ()
        if value is None:
            return ()
        self._measure(rule, value)
        self.turn += 1
        self.state, self.resolved_at = State.FIRING, None
        self.occurrences += 1
        return (after(rule.patience, self._check()),)

    def goes_on(self, rule: Rule, value: float) -> bool:
        """How many letters wait is said as it is now, of requests as it was when they began to fail. True if that is news."""
        if not rule.kind.is_of_platform or value == self.value:
            return False
        self._measure(rule, value)
        return True

    def check_again(self, rule: Rule) -> Events:
        """It goes on firing: as long as data comes, that tells; when none comes, this timer does."""
        return (after(rule.patience, self._check()),) if self.state is State.FIRING else ()

    # --- how it ends

    def resolve(self, now: datetime) -> Events:
        if self.state is not State.FIRING:
            return ()
        self.turn += 1
        self.state, self.resolved_at = State.RESOLVED, now
        resolved = AlertResolved(alert_id=self.id, application_id=self.application_id, environment=self.environment, kind=self.kind, at=now)
        return (resolved, after(SETTLE, AlertDeliveryRequested(alert_id=self.id, turn=self.turn)))

    def end(self, now: datetime) -> None:
        """Nobody wants to hear of it any more: its rule or its application is gone."""
        if self.state is not State.RESOLVED:
            self.turn += 1
            self.state, self.resolved_at = State.RESOLVED, now
        self.closed = True

    def acknowledge(self, by: UUID, at: datetime) -> None:
        """Somebody looks after it: it is not told again. The first one stays."""
        if self.acknowledged_at is None:
            self.acknowledged_at, self.acknowledged_by = at, by

    # --- what its owner is told

    def notice(self, now: datetime) -> Notice | None:
        """What is to be told now."""
        if self.state is State.FIRING and self.told is None:
            return Notice.FIRING
        if self.state is State.FIRING and self.kind.is_measured and self.acknowledged_at is None:
            return Notice.FIRING if self.told_at is not None and now - self.told_at >= REPEAT - SLACK else None
        if self.state is State.RESOLVED and self.told is Notice.FIRING and self._settled(now):
            return Notice.RESOLVED
        return None

    def tell(self, notice: Notice, now: datetime) -> Events:
        """It is being told; what is to be looked at later."""
        self.told, self.told_at = notice, now
        self.close_if_settled(now)
        if notice is Notice.FIRING and self.kind.is_measured:
            return (after(REPEAT, AlertDeliveryRequested(alert_id=self.id, turn=self.turn)),)
        return ()

    def close_if_settled(self, now: datetime) -> None:
        self.closed = self.closed or (self.state is State.RESOLVED and self._settled(now))

    def _settled(self, now: datetime) -> bool:
        return self.resolved_at is not None and now - self.resolved_at >= SETTLE - SLACK

    def _fire(self, now: datetime) -> Events:
        self.turn += 1
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
        return (fired, after(GROUP_WAIT, AlertDeliveryRequested(alert_id=self.id, turn=self.turn)))

    def _check(self) -> AlertCheckRequested:
        return AlertCheckRequested(alert_id=self.id, turn=self.turn)

    def _measure(self, rule: Rule, value: float) -> None:
        self.value, self.threshold = value, rule.threshold
        self.summary = _summary(rule, self.environment, value, rule.threshold or 0)


def observed(known: Alert | None, rule: Rule, environment: str, value: float | None, now: datetime) -> tuple[list[Alert], Events]:
    """A condition was looked at. Answers the alerts that have moved, and what is to be said."""
    moved: list[Alert] = []
    said: Events = ()
    if known is not None:
        turn = known.turn
        known.close_if_settled(now)
        if not known.closed:
            said = known.observe(rule, value, now)
        grown = value is not None and known.state is State.FIRING and known.goes_on(rule, value)
        if known.turn != turn or known.closed or grown:
            moved.append(known)
    if value is not None and (known is None or known.closed):
        alert, begun = Alert.of_condition(rule, environment, value, now)
        return [*moved, alert], (*said, *begun)
    return moved, said


def _summary(rule: Rule, environment: str, value: float, limit: float) -> str:
    minutes = f"{rule.window.total_seconds() / 60:g} min"
    match rule.kind:
        case RuleKind.ERROR_RATE:
            return f"{value:.1%} of requests to {environment} failed within {minutes} (over {limit:.1%})"
        case RuleKind.LATENCY:
            return f"95 % of requests to {environment} took up to {value:.0f} ms within {minutes} (over {limit:g} ms)"
        case RuleKind.DEAD_LETTERS:
            return f"{value:g} dead letters of {environment} wait for an operator (over {limit:g})"
        case RuleKind.DEAD_LETTER_AGE:
            return f"a dead letter of {environment} has waited {value / 3600:.1f} h for an operator (over {limit / 3600:g} h)"
        case RuleKind.EVENTS_GIVEN_UP:
            return f"{environment} has given up {value:g} event{'s' * (value > 1)}, which waited in vain for the one before"
        case _:
            raise ValueError(f"{rule.kind} is no condition")


def incident_of_deployment(deployment_id: UUID) -> str:
    return f"deployment:{deployment_id}"


def incident_of(rule: Rule, environment: str) -> str:
    return f"rule:{rule.id}:{environment}"
