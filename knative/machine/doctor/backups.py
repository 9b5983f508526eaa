"""The backups of the installation: when the last good one was made, how the last one ended, and whether they are on the same disk."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from knative.machine.backup import destination
from knative.machine.backup.outcome import Outcome
from knative.machine.doctor.finding import Finding, Level
from knative.machine.home import Home

MAX_AGE = timedelta(hours=48)
REMEDY = "./taskw backup; daily: ./taskw install-service, or cron (docs/backups.md)"


def check(home: Home, now: datetime) -> Iterator[Finding]:
    folder = destination.address(home).folder
    is_same_disk = folder is not None and folder.exists() and home.path.exists() and folder.stat().st_dev == home.path.stat().st_dev
    yield decide(Outcome.read(home), now, is_same_disk=is_same_disk)


def decide(outcome: Outcome | None, now: datetime, *, is_same_disk: bool) -> Finding:
    if outcome is None or not outcome.last_good_at:
        failed = f"; the last one failed: {outcome.error}" if outcome else ""
        return Finding("backups", Level.WARNING, f"There is no backup of this installation{failed}", REMEDY)
    age = now - datetime.fromisoformat(outcome.last_good_at)
    hours = int(age.total_seconds() // 3600)
    if outcome.error:
        return Finding("backups", Level.WARNING, f"The last backup failed: {outcome.error} The last good one is {hours} hours old", REMEDY)
    if age > MAX_AGE:
        return Finding("backups", Level.WARNING, f"The last backup is {hours} hours old", REMEDY)
    details = (f"{outcome.backup_id} in {outcome.place}",)
    if is_same_disk:
        return Finding(
            "backups", Level.NOTE, f"The last backup is {hours} hours old, on the disk of the state folder", "CAPSULE_BACKUP_STORE", details
        )
    return Finding("backups", Level.GOOD, f"The last backup is {hours} hours old", details=details)
