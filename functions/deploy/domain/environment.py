"""An environment of an application and its size. Staging and production exist from the start; users create others by
name.

A deployment freezes these settings when it starts (`Terms`): later changes apply to the next deployment.
"""

from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from events.deploy import EnvironmentDeleted, EnvironmentPaused, EnvironmentResumed, EnvironmentStopped, MaintenanceEnded, MaintenanceStarted
from events.workloads import WorkloadRefreshRequested
from functions.deploy.domain import web_scaling
from functions.deploy.domain.application import Application
from functions.deploy.domain.application_settings import ApplicationSettings
from functions.deploy.domain.maintenance import Maintenance
from functions.deploy.domain.names import PRODUCTION, STAGING
from functions.deploy.domain.processes import ProcessSizes
from functions.deploy.domain.rejections import InvalidScale
from functions.deploy.domain.standing import Restriction
from functions.deploy.domain.web_scaling import WebMetric
from functions.kernel import Events, FieldError

DEFAULT_ENVIRONMENTS = (STAGING, PRODUCTION)
MAX_INSTANCES = 20
MEMORY_MIB = range(64, 8192 + 1)
CPU_MILLIS = range(100, 4000 + 1)
MAX_OBSERVATION_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Size:
    """Number of instances, and the limits of each. Raises InvalidScale."""

    min_scale: int = 0
    max_scale: int = 1
    memory_mib: int = 512
    cpu_millis: int = 1000
    scale_metric: WebMetric = WebMetric.CONCURRENCY
    scale_target: int | None = None
    """Of one instance, in the unit of the metric. None: the installation's default of requests in flight."""
    scale_window_seconds: int | None = None
    """Over which the metric is averaged. None: the installation's default."""
    scale_down_delay_seconds: int = 0
    """So long fewer must be enough before an instance ends."""
    initial_scale: int = 1
    """Instances with which a release starts. They must be ready before it takes the traffic."""

    def __post_init__(self) -> None:
        errors = [
            FieldError(pointer, detail)
            for pointer, is_valid, detail in (
                ("/maxScale", 1 <= self.max_scale <= MAX_INSTANCES, f"max instances {self.max_scale}: use 1–{MAX_INSTANCES}"),
                ("/minScale", 0 <= self.min_scale <= self.max_scale, f"min instances {self.min_scale}: use 0–{self.max_scale} (max instances)"),
                ("/memoryMib", self.memory_mib in MEMORY_MIB, f"memory {self.memory_mib} MiB: use {_bounds(MEMORY_MIB)}"),
                ("/cpuMillis", self.cpu_millis in CPU_MILLIS, f"CPU {self.cpu_millis} millicores: use {_bounds(CPU_MILLIS)}"),
            )
            if not is_valid
        ]
        errors += web_scaling.errors(self.scale_metric, self.scale_target, self.min_scale)
        errors += web_scaling.pace_errors(
            self.scale_metric, self.scale_window_seconds, self.scale_down_delay_seconds, self.initial_scale, self.max_scale
        )
        if errors:
            raise InvalidScale.of(errors)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        metric = WebMetric(stored.get("scale_metric", WebMetric.CONCURRENCY))
        return cls(**{**stored, "scale_metric": metric})

    @property
    def max_memory_mib(self) -> int:
        """Memory with all instances: the amount reserved from the quota."""
        return self.max_scale * self.memory_mib

    def exceeds(self, other: Self) -> bool:
        """Whether more may run than with the other size, in any respect."""
        mine, others = [
            (each.max_scale, each.max_memory_mib, each.max_scale * each.cpu_millis, each.min_scale * each.memory_mib) for each in (self, other)
        ]
        return any(one > two for one, two in zip(mine, others, strict=True))


@dataclass(frozen=True, slots=True)
class Terms:
    """Settings of one deployment, frozen when it starts."""

    size: Size = field(default_factory=Size)
    config_version: int = 0
    observation_seconds: int = 0
    ready_timeout_seconds: int = 120
    repository: str | None = None
    image: str | None = None
    settings: ApplicationSettings = field(default_factory=ApplicationSettings)

    def as_json(self) -> dict[str, Any]:
        """The settings are fields of the same object."""
        document = asdict(self)
        settings: dict[str, Any] = document.pop("settings")
        return document | settings

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        names = {each.name for each in fields(ApplicationSettings)}
        settings = ApplicationSettings.of(**{name: value for name, value in stored.items() if name in names})
        others = {name: value for name, value in stored.items() if name not in names}
        return cls(**{**others, "size": Size.from_json(stored.get("size", {})), "settings": settings})


@dataclass(frozen=True, slots=True)
class ObservationPolicy:
    """The installation's defaults: how long a release that takes traffic is observed, and how long it may take to
    become ready."""

    seconds: int = 10
    ready_timeout_seconds: int = 120
    collection_seconds: int = 5
    """Between two reports of the collector."""

    def observation_seconds(self, own_seconds: int | None) -> int:
        """Return how long an environment observes its releases: 0, or at least two intervals of the collector. A shorter observation could end
        before anything is known about the release."""
        seconds = self.seconds if own_seconds is None else own_seconds
        return max(seconds, 2 * self.collection_seconds) if seconds else 0


@dataclass(slots=True)
class Environment:
    application_id: UUID
    name: str
    created_at: datetime
    size: Size = field(default_factory=Size)
    observation_seconds: int | None = None
    """None: the installation's default."""
    deleted_at: datetime | None = None
    stopped_at: datetime | None = None
    """Since when it runs nothing, by its user's choice."""
    paused_at: datetime | None = None
    """Since when it runs nothing because its account is restricted."""
    pause_reason: Restriction | None = None
    processes: ProcessSizes = field(default_factory=ProcessSizes)
    """Instances of the process types beside web. A change counts at once, without a deployment."""
    maintenance: Maintenance | None = None
    """What visitors get instead of the application. It stays through releases, a stop and a start."""

    @property
    def is_stopped(self) -> bool:
        return self.stopped_at is not None

    def stop(self, application: Application, at: datetime) -> Events:
        """Run nothing until `start`. Idempotent."""
        if self.is_stopped:
            return ()
        self.stopped_at = at
        return (EnvironmentStopped(**self._names(application), at=at),)

    def start(self) -> None:
        self.stopped_at = None

    @property
    def is_paused(self) -> bool:
        return self.paused_at is not None

    @property
    def runs_nothing(self) -> bool:
        return self.is_stopped or self.is_paused

    @property
    def stop_reason(self) -> str | None:
        """Why it runs nothing: `stopped`, or the restriction of its account."""
        return "stopped" if self.is_stopped else self.pause_reason

    def pause(self, application: Application, reason: Restriction, at: datetime) -> Events:
        """Run nothing until `resume`. Idempotent."""
        if self.pause_reason is reason:
            return ()
        self.paused_at, self.pause_reason = self.paused_at or at, reason
        return (EnvironmentPaused(**self._names(application), reason=reason, at=at),)

    def resume(self, application: Application, at: datetime) -> Events:
        """Run again, unless its user has stopped it. Idempotent."""
        if not self.is_paused:
            return ()
        self.paused_at = self.pause_reason = None
        return (EnvironmentResumed(**self._names(application), at=at),)

    def start_maintenance(self, application: Application, message: str | None, retry_after_seconds: int, at: datetime) -> Events:
        """Show visitors a page until `end_maintenance`, or another page from now on. Idempotent. Raises InvalidMaintenance."""
        maintenance = Maintenance.start(self.maintenance.started_at if self.maintenance else at, message, retry_after_seconds)
        if maintenance.says_the_same_as(self.maintenance):
            return ()
        self.maintenance = maintenance
        started = MaintenanceStarted(**self._names(application), message=message, retry_after_seconds=retry_after_seconds, at=at)
        return (started,)

    def end_maintenance(self, application: Application, at: datetime) -> Events:
        """Idempotent."""
        if self.maintenance is None:
            return ()
        self.maintenance = None
        return (MaintenanceEnded(**self._names(application), at=at),)

    @property
    def max_memory_mib(self) -> int:
        """Memory with all instances of all process types: the amount reserved from the quota."""
        return self.size.max_memory_mib + self.processes.max_memory_mib(self.size.memory_mib)

    def refresh_event(self, application: Application, at: datetime, operation: str | None = None) -> WorkloadRefreshRequested:
        """Ask for what runs beside web to be applied. `operation`: the kind of the operation that asks for it."""
        return WorkloadRefreshRequested(**self._names(application), operation=operation, at=at)

    def _names(self, application: Application) -> dict[str, Any]:
        return {"application_id": application.id, "user_id": application.user_id, "application": application.name, "environment": self.name}

    def resize(self, size: Size, observation_seconds: int | None) -> None:
        """Raises InvalidScale."""
        if observation_seconds is not None and not 0 <= observation_seconds <= MAX_OBSERVATION_SECONDS:
            detail = f"observation of {observation_seconds} s: use 0–{MAX_OBSERVATION_SECONDS}"
            raise InvalidScale.of([FieldError("/observationSeconds", detail)])
        self.size, self.observation_seconds = size, observation_seconds

    def delete(self, application: Application, at: datetime) -> Events:
        self.deleted_at = at
        return (EnvironmentDeleted(**self._names(application), at=at),)

    def terms(self, policy: ObservationPolicy, application: Application) -> Terms:
        return Terms(
            size=self.size,
            config_version=application.config_version,
            observation_seconds=policy.observation_seconds(self.observation_seconds),
            ready_timeout_seconds=policy.ready_timeout_seconds,
            repository=application.repository,
            image=application.image,
            settings=application.settings,
        )


def _bounds(allowed: range) -> str:
    return f"{allowed.start}–{allowed.stop - 1}"
