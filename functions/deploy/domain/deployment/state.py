"""The row of a deployment: its status, its frozen settings, and the names of its cluster objects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from functions.deploy.domain import manifests
from functions.deploy.domain.deployment.steps import PLAN, DeploymentTimedOut, Status
from functions.deploy.domain.environment import Terms
from functions.deploy.domain.names import build_job_of, namespace_of, release_job_of, service_of
from functions.kernel.sagas import Plan, Saga


class Cause(StrEnum):
    """Why there is a deployment."""

    DEPLOY = "deploy"
    PROMOTION = "promotion"
    ROLLBACK = "rollback"
    CONFIGURATION = "configuration"
    SCALE = "scale"
    RESTART = "restart"
    START = "start"
    """Of a stopped environment."""


@dataclass(frozen=True, slots=True)
class WatchedObject:
    """The cluster object whose state decides the next transition."""

    kind: str
    namespace: str
    name: str
    deployment_id: UUID
    is_release_phase: bool = False
    """The Job runs a release phase, not a build."""
    pinned_revision: str | None = None
    """The revision that must have the traffic, even if the newest one fails."""
    has_traffic: bool = False
    """Observe the instances too: one that crashes repeatedly may be ready at each observation."""


@dataclass(slots=True, kw_only=True)
class DeploymentState(Saga):
    plan: ClassVar[Plan] = PLAN

    application_id: UUID
    application: str
    user_id: UUID
    environment: str
    ref: str | None = None
    correlation_id: str
    requested_at: datetime
    started_by: UUID | None = None
    """The user or service account that asked for it; None: Capsule itself."""
    cause: Cause = Cause.DEPLOY
    terms: Terms = field(default_factory=Terms)
    previous_id: UUID | None = None
    """The deployment that serves when this one is requested; with the number of its release and its revision."""
    previous_release: int | None = None
    previous_revision: str | None = None
    status: Status = Status.REQUESTED
    attempt: int = 1
    """Of the build."""
    commit: str | None = None
    release_id: UUID | None = None
    release: int | None = None
    """Number of its release."""
    url: str | None = None
    traffic_at: datetime | None = None
    """When it took the traffic."""
    measured_at: datetime | None = None
    """When the collector first reported its release under observation, also without requests."""
    revision: str | None = None
    reason: str | None = None
    detail: str | None = None
    rolled_back_to: int | None = None
    """Number of the release that serves instead."""

    def reminder(self) -> DeploymentTimedOut:
        return DeploymentTimedOut(deployment_id=self.id, deployment_version=self.version)

    @property
    def namespace(self) -> str:
        return namespace_of(self.application)

    @property
    def build_job(self) -> str:
        return build_job_of(self.id, self.attempt)

    @property
    def release_job(self) -> str:
        return release_job_of(self.id)

    @property
    def service(self) -> str:
        return service_of(self.application, self.environment)

    @property
    def labels(self) -> Mapping[str, str]:
        return {
            manifests.APPLICATION: str(self.application_id),
            manifests.ENVIRONMENT: self.environment,
            manifests.DEPLOYMENT: str(self.id),
        }

    @property
    def watched_object(self) -> WatchedObject:
        match self.status:
            case Status.PREPARING:
                return WatchedObject("Job", self.namespace, self.release_job, self.id, is_release_phase=True)
            case Status.RELEASING | Status.OBSERVING:
                return WatchedObject("Service", self.namespace, self.service, self.id, has_traffic=self.status is Status.OBSERVING)
            case Status.ROLLING_BACK:
                pinned = self.previous_revision
                return WatchedObject("Service", self.namespace, self.service, self.previous_id or self.id, pinned_revision=pinned)
            case _:
                return WatchedObject("Job", self.namespace, self.build_job, self.id)

    @property
    def own_service(self) -> WatchedObject:
        """The Service while it carries this deployment."""
        return WatchedObject("Service", self.namespace, self.service, self.id)

    @property
    def has_taken_traffic(self) -> bool:
        return self.traffic_at is not None

    @property
    def observed_until(self) -> datetime | None:
        """When the observation ends, unless it waits for the collector's first report. None before it has taken traffic."""
        return self.traffic_at + timedelta(seconds=self.terms.observation_seconds) if self.traffic_at else None

    def is_at_end_of_observation(self, at: datetime) -> bool:
        return self.status is Status.OBSERVING and self.has_expired(at)
