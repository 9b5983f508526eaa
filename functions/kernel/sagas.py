"""Sagas: work that takes several steps, in several transactions and often several contexts.

    Plan    the steps in order, each with a time limit, the interval of its reminders, and the step that compensates it
    Saga    one row: the current step with a version, and the timeline of its steps

The rest belongs to the domain: methods of the saga that take an event and a time and return the events to publish. No I/O, no
clock. A subclass defines `plan` and `reminder`, and moves only by `begin`, `enter`, `retry`, `record_failure`, `postpone` and
`finish`:

    class Registration(Saga):
        plan = Plan(Step("customer", DAY, MINUTE), Step("account", DAY, MINUTE, undo="compensating"), Step("compensating", DAY, MINUTE))

        def observe(self, event: Event, at: datetime) -> Events:
            match event:
                case CustomerCreated() if self.status == "customer":
                    return self.enter("account", at), PaymentAccountRequested(...)

Each move raises the version and returns the reminder that the saga sends to itself through the delay exchange. A reminder
whose version is not the row's does nothing. Otherwise the step is requested again, or ends because its time limit has
passed. So a step may be requested twice, and its receiver must be idempotent. A saga whose `reminder_at` has passed by
STUCK_AFTER has lost its reminder; housekeeping sends it again.

Compensation is a step too: a failed saga enters the step named by `undo`, with its own time limit, reminders and line in the
timeline. A step without `undo` leaves nothing to compensate, or the receivers of the saga's last event clean up.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from functions.kernel.message import Delayed, Event, after

SHORT_DELAY = timedelta(seconds=1)
"""The delay of a reminder that housekeeping sends again, and the shortest delay of any reminder."""
STUCK_AFTER = timedelta(minutes=1)
"""A reminder this long overdue counts as lost."""


@dataclass(frozen=True, slots=True)
class Step:
    """`time_limit`: for all attempts together. `poll_interval`: until the first reminder; doubles per attempt up to `max_interval`.

    Without `max_interval` the interval stays the same. With `first_interval` reminders come earlier in a young step: the first one after
    this time, and each later one after as long as the step has lasted. Raises TypeError for times that are not positive.
    """

    name: str
    time_limit: timedelta
    poll_interval: timedelta
    max_interval: timedelta | None = None
    undo: str | None = None
    first_interval: timedelta | None = None

    def __post_init__(self) -> None:
        times = (self.time_limit, self.poll_interval, self.first_interval or self.poll_interval)
        if min(times) <= timedelta(0):
            raise TypeError(f"step {self.name}: time_limit, poll_interval and first_interval must be positive")

    def interval(self, attempts: int, age: timedelta = timedelta(0)) -> timedelta:
        """Return the delay of the reminder after so many attempts. `age`: how long the step has lasted."""
        longest = self.poll_interval
        if self.max_interval is not None:
            longest = min(self.poll_interval * 2 ** min(attempts - 1, 30), self.max_interval)
        return longest if self.first_interval is None else min(longest, max(self.first_interval, age))


class Plan:
    """The steps of a saga, in order. Raises TypeError if names repeat or `undo` does not name a later step."""

    def __init__(self, *steps: Step) -> None:
        self._steps = {str(step.name): step for step in steps}
        if len(self._steps) != len(steps):
            raise TypeError("two steps of a saga have the same name")
        order = list(self._steps)
        for step in steps:
            if step.undo is not None and (step.undo not in order or order.index(step.undo) <= order.index(step.name)):
                raise TypeError(f"step {step.name} is undone by {step.undo}, which is not a later step of its saga")

    def __getitem__(self, name: str) -> Step:
        return self._steps[name]

    def __contains__(self, name: str) -> bool:
        return name in self._steps

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps.values())


@dataclass(slots=True)
class StepRecord:
    """One line of the timeline. `error`: of the last attempt that failed."""

    step: str
    started_at: datetime
    finished_at: datetime | None = None
    attempts: int = 1
    error: str | None = None


@dataclass(slots=True, kw_only=True)
class Saga(ABC):
    """The row. `status`: the name of the current step, or the outcome."""

    plan: ClassVar[Plan]

    id: UUID
    status: str
    changed_at: datetime
    deadline_at: datetime | None = None
    """When the current step's time limit ends."""
    reminder_at: datetime | None = None
    """When the next reminder arrives."""
    finished_at: datetime | None = None
    version: int = 1
    stored_version: int = 0
    """The version in the database; 0 before it is stored."""
    steps: list[StepRecord] = field(default_factory=list)

    @abstractmethod
    def reminder(self) -> Event:
        """Return the event that the saga sends to itself: its id and its version."""

    @property
    def is_running(self) -> bool:
        return self.finished_at is None

    @property
    def current_step(self) -> StepRecord | None:
        """The current step's line in the timeline."""
        return next((record for record in self.steps if record.step == self.status), None)

    def has_expired(self, at: datetime) -> bool:
        """Whether the current step's time limit has passed."""
        return self.deadline_at is not None and at >= self.deadline_at

    def begin(self, step: str, at: datetime, time_limit: timedelta | None = None) -> Delayed:
        """Start a new saga at `step`. Returns its reminder."""
        self.status, self.deadline_at = step, at + (time_limit or self.plan[step].time_limit)
        self.steps.append(StepRecord(step, at))
        return self._schedule_reminder(at)

    def enter(self, step: str, at: datetime, time_limit: timedelta | None = None) -> Delayed:
        """Move to `step`. A step that is entered again continues its line of the timeline, as a new attempt with a new time limit."""
        self._leave(at)
        self.status, self.finished_at = step, None
        self.deadline_at = at + (time_limit or self.plan[step].time_limit)
        if self.current_step is None:
            self.steps.append(StepRecord(step, at))
        else:
            self.current_step.finished_at = None
            self.current_step.attempts += 1
        return self._schedule_reminder(at)

    def retry(self, at: datetime) -> Delayed:
        """Count another attempt of the current step, within its time limit."""
        if self.current_step is not None:
            self.current_step.attempts += 1
        return self.postpone(at)

    def record_failure(self, error: str, at: datetime) -> Delayed:
        """Record the error of the last attempt. The next attempt follows when the reminder arrives."""
        if self.current_step is not None:
            self.current_step.error = error
        return self.postpone(at)

    def postpone(self, at: datetime) -> Delayed:
        """Stay at the current step until the next reminder."""
        self.version += 1
        return self._schedule_reminder(at)

    def finish(self, outcome: str, at: datetime) -> None:
        self._leave(at)
        self.status, self.finished_at, self.deadline_at, self.reminder_at = outcome, at, None, None

    def resend_reminder(self) -> Delayed:
        """Return the current reminder again, for a saga that has lost it."""
        return after(SHORT_DELAY, self.reminder())

    def _schedule_reminder(self, at: datetime) -> Delayed:
        record = self.current_step or StepRecord(self.status, at)
        interval = self.plan[self.status].interval(record.attempts, at - record.started_at)
        if self.deadline_at is not None:
            interval = min(interval, max(self.deadline_at - at, SHORT_DELAY))
        self.reminder_at = at + interval
        return after(interval, self.reminder())

    def _leave(self, at: datetime) -> None:
        self.version += 1
        self.changed_at = at
        if self.current_step is not None:
            self.current_step.finished_at = at
