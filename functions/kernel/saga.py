"""A saga: one piece of work that takes several steps, in several transactions and often in several contexts, and how to write one.

    declared   a `Plan`: the steps in their order, each with the time it may take, how often it is looked at meanwhile, and the step that undoes it
    kept       a `Saga`: the row that says where one stands, with a version, and its timeline
    written    the rest is the domain's: methods of the saga that take a fact and the time and give what is to be said (`Said`). No I/O, no clock

A subclass says `plan` and `reminder`, and moves only by `begin`, `enter`, `retry`, `failing`, `look` and `finish`:

    class Registration(Saga):
        plan = Plan(Step("customer", patience=DAY, look=MINUTE), Step("account", patience=DAY, look=MINUTE, undo="limiting"), Step("limiting", ...))

        def observe(self, fact, at):                           # the transition: (state, fact) → (state, what is said)
            match fact:
                case CustomerCreated() if self.status == "customer":
                    return self.enter("account", at), PaymentAccountRequested(...)

Each move raises the version and gives the reminder that the saga sends to itself through the delay exchange. A reminder that comes finds either the
row as it left it, and then the step is asked for again or its time is over; or a newer version, and then it does nothing. A reminder that never
comes is the mark of a stuck saga: its row's `look_at` has passed. The housekeeping finds those rows and sends the reminder again, so that one place
decides whether to go on or to give up, whoever woke it. What a step asks for may therefore be asked twice, and whoever does it must bear that.

Steps are undone by steps: what is given up goes to the step named by `undo`, which has its own time, reminders and line in the timeline. A step
without `undo` leaves nothing behind that would have to be undone, or what it leaves is cleared by whoever hears that the saga has ended.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from functions.kernel.message import Delayed, Event, after

SOON = timedelta(seconds=1)
"""When the housekeeping has found a stuck one, its reminder comes so soon."""
STUCK = timedelta(minutes=1)
"""So long after it was due a reminder counts as lost."""


@dataclass(frozen=True, slots=True)
class Step:
    """`patience`: how long it may take with all its attempts. `look`: how soon it is looked at; that doubles with each attempt, up to `slowest`."""

    name: str
    patience: timedelta
    look: timedelta
    slowest: timedelta | None = None
    undo: str | None = None

    def __post_init__(self) -> None:
        if self.look <= timedelta(0) or self.patience <= timedelta(0):
            raise TypeError(f"step {self.name}: its times must be longer than nothing")

    def pace(self, attempts: int) -> timedelta:
        if self.slowest is None:
            return self.look
        doubled: timedelta = self.look * 2 ** min(attempts - 1, 30)
        return min(doubled, self.slowest)


class Plan:
    """The steps of a saga, in their order. Raises TypeError for one that cannot be followed."""

    def __init__(self, *steps: Step) -> None:
        self._steps = {str(step.name): step for step in steps}
        if len(self._steps) != len(steps):
            raise TypeError("two steps of a saga have the same name")
        order = list(self._steps)
        for step in steps:
            if step.undo is not None and (step.undo not in order or order.index(step.undo) <= order.index(step.name)):
                raise TypeError(f"step {step.name} is undone by {step.undo}, which is no later step of its saga")

    def __getitem__(self, name: str) -> Step:
        return self._steps[name]

    def __contains__(self, name: str) -> bool:
        return name in self._steps

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps.values())


@dataclass(slots=True)
class StepTaken:
    """One line of the timeline. `error`: what its last attempt said, if that failed."""

    step: str
    started_at: datetime
    finished_at: datetime | None = None
    attempts: int = 1
    error: str | None = None


@dataclass(slots=True, kw_only=True)
class Saga(ABC):
    """The row. `status` is the name of the step it is at, or of how it has ended."""

    plan: ClassVar[Plan]

    id: UUID
    status: str
    changed_at: datetime
    deadline_at: datetime | None = None
    """When the step's time is over."""
    look_at: datetime | None = None
    """When its reminder comes."""
    finished_at: datetime | None = None
    version: int = 1
    stored_version: int = 0
    """The version that the store has; 0 before it is kept."""
    steps: list[StepTaken] = field(default_factory=list)

    @abstractmethod
    def reminder(self) -> Event:
        """What it sends to itself: its id and its version."""

    @property
    def running(self) -> bool:
        return self.finished_at is None

    @property
    def line(self) -> StepTaken | None:
        """Of the timeline: where it stands."""
        return next((each for each in self.steps if each.step == self.status), None)

    def is_over(self, at: datetime) -> bool:
        """Whether the step has taken as long as it may."""
        return self.deadline_at is not None and at >= self.deadline_at

    def begin(self, step: str, at: datetime) -> Delayed:
        self.status, self.deadline_at = step, at + self.plan[step].patience
        self.steps.append(StepTaken(step, at))
        return self._remind(at)

    def enter(self, step: str, at: datetime, patience: timedelta | None = None) -> Delayed:
        """To this step, from wherever it stands; one that it has been at before is tried again, in the same line of the timeline."""
        self._leave(at)
        self.status, self.finished_at = step, None
        self.deadline_at = at + (patience or self.plan[step].patience)
        if self.line is None:
            self.steps.append(StepTaken(step, at))
        else:
            self.line.finished_at = None
            self.line.attempts += 1
        return self._remind(at)

    def retry(self, at: datetime) -> Delayed:
        """Its step is asked for once more, within the time it has."""
        if self.line is not None:
            self.line.attempts += 1
        return self.look(at)

    def failing(self, error: str, at: datetime) -> Delayed:
        """An attempt has failed and said why; the next is made when the reminder comes."""
        if self.line is not None:
            self.line.error = error
        return self.look(at)

    def look(self, at: datetime) -> Delayed:
        """It stays where it is, and is looked at later."""
        self.version += 1
        return self._remind(at)

    def finish(self, outcome: str, at: datetime) -> None:
        self._leave(at)
        self.status, self.finished_at, self.deadline_at, self.look_at = outcome, at, None, None

    def nudge(self) -> Delayed:
        """For one that is stuck: the reminder that was lost."""
        return after(SOON, self.reminder())

    def _remind(self, at: datetime) -> Delayed:
        pace = self.plan[self.status].pace(self.line.attempts if self.line else 1)
        if self.deadline_at is not None:
            pace = min(pace, max(self.deadline_at - at, SOON))
        self.look_at = at + pace
        return after(pace, self.reminder())

    def _leave(self, at: datetime) -> None:
        self.version += 1
        self.changed_at = at
        if self.line is not None:
            self.line.finished_at = at
