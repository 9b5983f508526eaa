"""A one-off command in an environment: a Job with the image, configuration and size of the release that serves there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from events.workloads import RunCancelled, RunRequested
from functions.deploy.domain.application import Application
from functions.deploy.domain.environment import Environment
from functions.deploy.domain.processes import DEFAULT_STOP_SECONDS, STOP_SECONDS
from functions.deploy.domain.rejections import InvalidCommand, RunHasEnded, RunIsLogged
from functions.deploy.domain.release import Release
from functions.kernel import Events, FieldError, new_id

Object = Mapping[str, Any]

MAX_COMMAND_LENGTH = 4000
MAX_ACTIVE_RUNS = 3
"""Of one application. They are not part of the memory quota."""
MAX_ATTACHABLE_RUNS = 5
"""Of one account, with standard input or a terminal."""
TIMEOUT = timedelta(hours=1)
"""Kubernetes ends the Job then."""
CLIENT_TIMEOUT = timedelta(minutes=5)
"""How long a command waits for its first client before it is cancelled."""
KEPT = timedelta(hours=1)
"""How long the cluster keeps an ended Job."""
JOB_PREFIX = "run-"
COMPONENT = "run"
"""The name of its container."""


class RunStreams(StrEnum):
    """Where the standard streams of a command lead."""

    LOGGED = "logged"
    """No standard input; output goes to the log."""
    PIPES = "pipes"
    """A client attaches once: standard input, output and error are its own. Nothing is logged."""
    TERMINAL = "terminal"
    """A client attaches to a pseudo-terminal, again after an interruption. Nothing is logged."""


class RunStatus(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class RunOutcome:
    exit_code: int | None
    """None: it was stopped from outside."""
    detail: str = ""


@dataclass(slots=True)
class Run:
    id: UUID
    application_id: UUID
    environment: str
    release_id: UUID
    command: str
    memory_mib: int
    cpu_millis: int
    requested_at: datetime
    cancelled_at: datetime | None = None
    finished_at: datetime | None = None
    exit_code: int | None = None
    detail: str | None = None
    streams: RunStreams = RunStreams.LOGGED
    attached_at: datetime | None = None
    """When the first client was attached; the command starts then."""
    schedule_id: UUID | None = None
    """Of the schedule that it belongs to, at its time or by hand."""
    scheduled_at: datetime | None = None
    """The time of the schedule; None: started by hand."""
    job_name: str | None = None
    """Of the Job that the cluster has created; None: it derives from the id."""
    timeout_seconds: int = TIMEOUT.seconds
    stop_seconds: int = DEFAULT_STOP_SECONDS
    """Between SIGTERM and SIGKILL, when it is cancelled or its time is over."""

    @classmethod
    def request(
        cls,
        application: Application,
        environment: Environment,
        release: Release,
        command: str,
        at: datetime,
        streams: RunStreams = RunStreams.LOGGED,
        stop_seconds: int = DEFAULT_STOP_SECONDS,
    ) -> tuple[Self, Events]:
        """Raises InvalidCommand."""
        if not command.strip() or len(command) > MAX_COMMAND_LENGTH or "\x00" in command:
            detail = f"command: use 1–{MAX_COMMAND_LENGTH} characters without U+0000"
            raise InvalidCommand(f"{detail}.", errors=[FieldError("/command", detail)])
        if stop_seconds not in STOP_SECONDS:
            detail = f"seconds to stop {stop_seconds}: use {STOP_SECONDS.start}–{STOP_SECONDS.stop - 1}"
            raise InvalidCommand(f"{detail}.", errors=[FieldError("/stopSeconds", detail)])
        size = environment.size
        run = cls(new_id(), application.id, environment.name, release.id, command, size.memory_mib, size.cpu_millis, at, streams=streams)
        run.stop_seconds = stop_seconds
        return run, (RunRequested(run_id=run.id, application_id=application.id, user_id=application.user_id, environment=environment.name, at=at),)

    @property
    def job(self) -> str:
        """Name of the Job. The last digits of the UUIDv7 are random."""
        return self.job_name or f"{JOB_PREFIX}{self.id.hex[-12:]}"

    @property
    def status(self) -> RunStatus:
        if self.cancelled_at is not None:
            return RunStatus.CANCELLED
        if self.finished_at is None:
            return RunStatus.RUNNING
        return RunStatus.SUCCEEDED if self.exit_code == 0 else RunStatus.FAILED

    @property
    def ends_at(self) -> datetime:
        """When Kubernetes ends it at the latest."""
        return self.requested_at + timedelta(seconds=self.timeout_seconds)

    @property
    def log_id(self) -> UUID:
        """The id that its log lines have as their deployment. The runs of a schedule share one: their Jobs have the same template."""
        return self.schedule_id if self.scheduled_at is not None and self.schedule_id is not None else self.id

    def require_attachable(self) -> None:
        """Raises RunIsLogged, RunHasEnded."""
        if self.streams is RunStreams.LOGGED:
            raise RunIsLogged.of(self.id)
        if self.finished_at is not None:
            raise RunHasEnded.of(self.id)

    def attach(self, at: datetime) -> None:
        """Record the first attachment. Idempotent."""
        if self.attached_at is None:
            self.attached_at = at

    def finish(self, outcome: RunOutcome, at: datetime) -> None:
        """Record the outcome. The first one counts."""
        if self.finished_at is None:
            self.finished_at, self.exit_code, self.detail = at, outcome.exit_code, outcome.detail or None

    def cancel(self, at: datetime) -> Events:
        """Idempotent; changes nothing after the end."""
        if self.finished_at is not None:
            return ()
        self.cancelled_at = self.finished_at = at
        return (RunCancelled(run_id=self.id, application_id=self.application_id, environment=self.environment, at=at),)


def read_run(job: Object | None, pods: Iterable[Object]) -> RunOutcome | None:
    """Read the outcome of a run's Job; None while it runs. `job` None: it does not exist."""
    if job is None:
        return None
    conditions = {each["type"]: each for each in job.get("status", {}).get("conditions", []) if each.get("status") == "True"}
    if "Complete" in conditions:
        return RunOutcome(0)
    if "Failed" not in conditions:
        return None
    if conditions["Failed"].get("reason") == "DeadlineExceeded":
        seconds = int(job.get("spec", {}).get("activeDeadlineSeconds") or TIMEOUT.seconds)
        limit = f"{seconds // 60} minutes" if seconds % 60 == 0 and seconds > 60 else f"{seconds} seconds"
        return RunOutcome(None, f"The command was stopped after {limit}.")
    for pod in pods:
        for container in pod.get("status", {}).get("containerStatuses", []):
            if (terminated := container.get("state", {}).get("terminated")) and terminated.get("exitCode") is not None:
                return RunOutcome(int(terminated["exitCode"]))
    return RunOutcome(None, "The command was stopped from outside, or its image is no longer stored.")


def read_running_pod(pods: Iterable[Object]) -> str | None:
    """Return the name of the pod of a run's Job whose container runs."""
    for pod in pods:
        containers = pod.get("status", {}).get("containerStatuses", [])
        if any("running" in each.get("state", {}) for each in containers if each.get("name") == COMPONENT):
            return str(pod["metadata"]["name"])
    return None
