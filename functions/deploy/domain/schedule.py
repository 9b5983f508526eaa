"""A schedule of an environment: a command that runs at the times of a cron expression, with the release that serves then.

The cluster keeps the time: a schedule is a CronJob there. Here are its settings and its history.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self
from uuid import UUID
from zoneinfo import available_timezones

from functions.deploy.domain.application import Application
from functions.deploy.domain.environment import Environment
from functions.deploy.domain.processes import DEFAULT_STOP_SECONDS, STOP_SECONDS
from functions.deploy.domain.release import Release
from functions.deploy.domain.run import MAX_COMMAND_LENGTH, Run
from functions.deploy.domain.workload_rejections import InvalidSchedule
from functions.kernel import FieldError, new_id
from functions.wire.cron import InvalidSchedule as NoSchedule
from functions.wire.cron import Schedule as Cron
from functions.wire.cron import zone_of

JOB_PREFIX = "cron-"
JOB_NAME = re.compile(r"(cron-[0-9a-f]{12})-([0-9]{1,12})")
"""Of a Job: the name of its CronJob, and the scheduled time in minutes since the epoch (Kubernetes, getJobName)."""
CRON_FIELDS = 5
MAX_SCHEDULES = 20
"""Of one environment."""
TIMEOUT_SECONDS = range(10, 86_400 + 1)
LATEST_START = timedelta(minutes=10)
"""A run that could not start at its time, for example since the machine was off, starts until then."""
MISSED_AFTER = timedelta(minutes=15)
"""A run that is not there so long after its time was missed."""


class Overlap(StrEnum):
    """What happens at a time when the previous run has not ended (Kubernetes: concurrencyPolicy)."""

    ALLOW = "allow"
    FORBID = "forbid"
    """The new run is left out."""
    REPLACE = "replace"
    """The previous run is ended."""


@dataclass(slots=True)
class Schedule:
    id: UUID
    application_id: UUID
    environment: str
    cron: str
    time_zone: str
    command: str
    overlap: Overlap
    timeout_seconds: int
    created_at: datetime
    paused_at: datetime | None = None
    expected_at: datetime | None = None
    """The next time at which a run must come; None: there is none, or it is paused."""
    stop_seconds: int = DEFAULT_STOP_SECONDS
    """Between SIGTERM and SIGKILL, when a run is ended."""

    @classmethod
    def create(
        cls,
        application: Application,
        environment: Environment,
        cron: str,
        time_zone: str,
        command: str,
        overlap: Overlap,
        timeout_seconds: int,
        at: datetime,
        stop_seconds: int = DEFAULT_STOP_SECONDS,
    ) -> Self:
        """Raises InvalidSchedule."""
        schedule = cls(new_id(), application.id, environment.name, cron, time_zone, command, overlap, timeout_seconds, at)
        schedule.stop_seconds = stop_seconds
        schedule._check()
        schedule.expect_after(at)
        return schedule

    def change(self, at: datetime, **settings: Any) -> Self:
        """Return the schedule with other settings; `is_paused` among them. Raises InvalidSchedule."""
        is_paused = settings.pop("is_paused", None)
        changed = replace(self, **settings)
        if is_paused is not None:
            changed.paused_at = (self.paused_at or at) if is_paused else None
        changed._check()
        if changed != self:
            changed.expect_after(at)
        return changed

    @property
    def cron_job(self) -> str:
        """Name of the CronJob. The last digits of the UUIDv7 are random."""
        return f"{JOB_PREFIX}{self.id.hex[-12:]}"

    def next_at(self, after: datetime) -> datetime | None:
        return Cron.parse(self.cron, self.time_zone).next(after)

    def expect_after(self, at: datetime) -> None:
        self.expected_at = None if self.paused_at is not None else self.next_at(at)

    def start_run(self, release: Release, environment: Environment, job_name: str, at: datetime) -> Run:
        """Create the row of a run that the cluster has started."""
        scheduled_at = scheduled_time(job_name) or at
        if self.expected_at is not None and scheduled_at >= self.expected_at:
            self.expect_after(scheduled_at)
        size, id = environment.size, new_id()
        return Run(
            id, self.application_id, self.environment, release.id, self.command, size.memory_mib, size.cpu_millis, at,
            schedule_id=self.id, scheduled_at=scheduled_at, job_name=job_name, timeout_seconds=self.timeout_seconds,
            stop_seconds=self.stop_seconds,
        )  # fmt: skip

    def _check(self) -> None:
        self.cron = " ".join(self.cron.split())
        errors = [FieldError(pointer, detail) for pointer, detail in (
            ("/cron", self._cron_fault()), ("/timeZone", _zone_fault(self.time_zone)), ("/command", self._command_fault()),
            ("/timeoutSeconds", _seconds_fault("time limit", self.timeout_seconds, TIMEOUT_SECONDS)),
            ("/stopSeconds", _seconds_fault("time to stop", self.stop_seconds, STOP_SECONDS)),
        ) if detail]  # fmt: skip
        if errors:
            raise InvalidSchedule.of(errors)

    def _cron_fault(self) -> str:
        if re.match(r"(?:CRON_)?TZ=", self.cron):
            return "name the time zone in timeZone, not in the expression"
        if not self.cron.startswith("@") and len(self.cron.split()) != CRON_FIELDS:
            return (
                f'"{self.cron}" has {len(self.cron.split())} fields; use five: minute, hour, day of the month, month, day of the week ("0 3 * * *")'
            )
        try:
            found = Cron.parse(self.cron).next(datetime.now(UTC))
        except NoSchedule as error:
            return f'"{self.cron}": {error}'
        return "" if found is not None else f'"{self.cron}" has no time within five years'

    def _command_fault(self) -> str:
        is_valid = self.command.strip() and len(self.command) <= MAX_COMMAND_LENGTH and "\x00" not in self.command
        return "" if is_valid else f"use 1–{MAX_COMMAND_LENGTH} characters without U+0000"


def scheduled_time(job_name: str) -> datetime | None:
    """Read the scheduled time in the name of a CronJob's Job."""
    match = JOB_NAME.fullmatch(job_name)
    return datetime.fromtimestamp(int(match[2]) * 60, UTC) if match else None


def _seconds_fault(name: str, seconds: int, allowed: range) -> str:
    return "" if seconds in allowed else f"{name} of {seconds} s: use {allowed.start}–{allowed.stop - 1} seconds"


def _zone_fault(name: str) -> str:
    fault = f'unknown time zone "{name}": use a name of the IANA database, such as'
    # Files of the machine's own, such as `localtime` and `right/UTC`, are no names: a cluster has others, or none.
    if name in _NO_NAMES or name.startswith(("right/", "posix/")):
        return f"{fault} Europe/Berlin"
    try:
        zone_of(name)
    except NoSchedule:
        return f"{fault} {next((each for each in available_timezones() if each.casefold() == name.casefold()), 'Europe/Berlin')}"
    return ""


_NO_NAMES = ("", "Local", "localtime", "posixrules", "Factory")
