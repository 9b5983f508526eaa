"""What `doctor` says of the backups of the installation."""

from datetime import UTC, datetime, timedelta

import pytest

from knative.machine.backup.outcome import Outcome
from knative.machine.doctor.backups import decide
from knative.machine.doctor.finding import Level

NOW = datetime(2026, 11, 30, 6, tzinfo=UTC)
FRESH, OLD = (NOW - timedelta(hours=3)).isoformat(), (NOW - timedelta(hours=60)).isoformat()


@pytest.mark.parametrize(
    ("outcome", "is_same_disk", "level", "words"),
    [
        (None, False, Level.WARNING, "There is no backup"),
        (
            Outcome(FRESH, error="No space left."),
            False,
            Level.WARNING,
            "There is no backup of this installation; the last one failed: No space left.",
        ),
        (Outcome(FRESH, error="No space left.", last_good_at=OLD), False, Level.WARNING, "The last good one is 60 hours old"),
        (Outcome(OLD, last_good_at=OLD), False, Level.WARNING, "60 hours old"),
        (Outcome(FRESH, last_good_at=FRESH), True, Level.NOTE, "on the disk of the state folder"),
        (Outcome(FRESH, last_good_at=FRESH), False, Level.GOOD, "3 hours old"),
    ],
)
def test_it_tells_age_failure_and_place(outcome: Outcome | None, is_same_disk: bool, level: Level, words: str) -> None:
    finding = decide(outcome, NOW, is_same_disk=is_same_disk)
    assert finding.level is level
    assert words in finding.summary
