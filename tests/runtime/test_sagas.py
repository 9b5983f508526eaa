"""What every saga is made of: plans that can be followed, moves that raise the version, reminders that fit the row, a timeline."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID

import pytest

from functions.kernel import Event
from functions.kernel.sagas import SHORT_DELAY, Plan, Saga, Step

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class Reminded(Event, type="probe.reminded"):
    saga_id: UUID
    saga_version: int


@dataclass(slots=True, kw_only=True)
class Journey(Saga):
    plan: ClassVar[Plan] = Plan(
        Step("out", HOUR, MINUTE, max_interval=timedelta(minutes=5)),
        Step("there", HOUR, MINUTE, undo="home"),
        Step("home", HOUR, MINUTE),
    )

    def reminder(self) -> Reminded:
        return Reminded(saga_id=self.id, saga_version=self.version)


@pytest.fixture
def journey() -> Journey:
    made = Journey(id=UUID(int=1), status="", changed_at=NOW)
    made.begin("out", NOW)
    return made


@pytest.mark.parametrize(
    "steps",
    [
        [("a", None), ("a", None)],
        [("a", "nowhere")],
        [("a", "a")],
        [("a", None), ("b", "a")],
    ],
    ids=["twice", "undone by what is not there", "undone by itself", "undone by what comes before it"],
)
def test_a_plan_that_cannot_be_followed_is_none(steps: list[tuple[str, str | None]]) -> None:
    with pytest.raises(TypeError):
        Plan(*(Step(name, HOUR, MINUTE, undo=undo) for name, undo in steps))


@pytest.mark.parametrize("times", [(timedelta(0), MINUTE), (HOUR, timedelta(0))])
def test_a_step_without_time_is_none(times: tuple[timedelta, timedelta]) -> None:
    with pytest.raises(TypeError):
        Step("a", *times)


def test_each_move_has_a_version_and_its_reminder_carries_it(journey: Journey) -> None:
    seen = {journey.version}
    for move in (
        lambda: journey.enter("there", NOW),
        lambda: journey.retry(NOW),
        lambda: journey.record_failure("no", NOW),
        lambda: journey.postpone(NOW),
        lambda: journey.enter("home", NOW),
    ):
        reminder = move()
        assert isinstance(reminder.event, Reminded)
        assert reminder.event.saga_version == journey.version not in seen
        assert journey.reminder_at == NOW + reminder.delay
        seen.add(journey.version)
    journey.finish("over", NOW)
    assert journey.version not in seen and not journey.is_running
    assert (journey.reminder_at, journey.deadline_at, journey.finished_at) == (None, None, NOW)


def test_a_step_is_looked_at_at_longer_distances_up_to_the_slowest_and_not_after_its_time(journey: Journey) -> None:
    waits = [journey.retry(NOW).delay for _ in range(4)]
    assert waits == [timedelta(minutes=minutes) for minutes in (2, 4, 5, 5)]
    assert journey.retry(NOW + HOUR - timedelta(seconds=30)).delay == timedelta(seconds=30)
    assert journey.retry(NOW + 2 * HOUR).delay == SHORT_DELAY
    assert not journey.has_expired(NOW + HOUR - timedelta(seconds=1))
    assert journey.has_expired(NOW + HOUR)


def test_the_timeline_has_a_line_for_each_step_with_its_attempts_and_the_last_error(journey: Journey) -> None:
    journey.record_failure("the bridge is closed", NOW + MINUTE)
    journey.retry(NOW + 2 * MINUTE)
    journey.enter("there", NOW + 3 * MINUTE)
    journey.enter("home", NOW + 4 * MINUTE)
    journey.finish("over", NOW + 5 * MINUTE)
    assert [(line.step, line.attempts, line.error, line.started_at, line.finished_at) for line in journey.steps] == [
        ("out", 2, "the bridge is closed", NOW, NOW + 3 * MINUTE),
        ("there", 1, None, NOW + 3 * MINUTE, NOW + 4 * MINUTE),
        ("home", 1, None, NOW + 4 * MINUTE, NOW + 5 * MINUTE),
    ]


def test_a_step_that_is_entered_again_goes_on_in_its_line_with_all_its_time(journey: Journey) -> None:
    journey.enter("there", NOW)
    journey.finish("over", NOW + MINUTE)
    journey.enter("there", NOW + HOUR)
    assert journey.is_running and journey.deadline_at == NOW + 2 * HOUR
    assert [(line.step, line.attempts, line.finished_at) for line in journey.steps] == [("out", 1, NOW), ("there", 2, None)]


def test_the_time_of_a_step_may_depend_on_the_saga(journey: Journey) -> None:
    reminder = journey.enter("there", NOW, time_limit=timedelta(seconds=20))
    assert (journey.deadline_at, reminder.delay) == (NOW + timedelta(seconds=20), timedelta(seconds=20))


def test_a_lost_reminder_is_sent_again(journey: Journey) -> None:
    version = journey.version
    reminder = journey.resend_reminder()
    assert isinstance(reminder.event, Reminded)
    assert (reminder.delay, reminder.event.saga_version, journey.version) == (SHORT_DELAY, version, version)
