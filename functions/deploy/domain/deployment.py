"""A deployment is a saga with a row: requested → building → releasing → succeeded, or failed from anywhere with a reason.

It moves by what the cluster is observed to be (`observe`), whoever looked: an event of the cluster, a timeout, the housekeeping. So a lost event
costs time and not truth. Each move raises the version that the pending timeout must match.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from events.deploy import BuildFailed, BuildSucceeded, DeploymentFailed, DeploymentRequested, DeploymentSucceeded
from functions.deploy.domain import manifests
from functions.deploy.domain.application import Application
from functions.deploy.domain.names import Environment, Ref, job_of, namespace_of, service_of
from functions.deploy.domain.observation import BUILD_FAILED, TIMED_OUT, BuildBroken, Built, Gone, NotServing, Serving
from functions.deploy.domain.release import Release
from functions.deploy.domain.timeouts import LOOK, TO_BEGIN, TO_BUILD, TO_RELEASE, DeploymentTimedOut
from functions.kernel import Delayed, Event, after, new_id

Observation = Built | BuildBroken | Serving | NotServing | Gone

MOST_ATTEMPTS = 2
APPLICATION_DESTROYED = "application-destroyed"
CLUSTER_REFUSED = "cluster-refused"


class Status(StrEnum):
    REQUESTED = "requested"
    BUILDING = "building"
    RELEASING = "releasing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


RUNNING = frozenset({Status.REQUESTED, Status.BUILDING, Status.RELEASING})


@dataclass(frozen=True, slots=True)
class Awaited:
    """The cluster's object whose state decides what comes next."""

    kind: str
    namespace: str
    name: str
    deployment_id: UUID


@dataclass(slots=True)
class Step:
    step: Status
    started_at: datetime
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """What a move has made: facts to tell, and a release to keep."""

    events: tuple[Event | Delayed, ...] = ()
    release: Release | None = None


@dataclass(slots=True)
class Deployment:
    id: UUID
    application_id: UUID
    application: str
    user_id: UUID
    environment: Environment
    ref: str | None
    correlation_id: str
    requested_at: datetime
    changed_at: datetime
    deadline_at: datetime | None = None
    finished_at: datetime | None = None
    status: Status = Status.REQUESTED
    attempt: int = 1
    commit: str | None = None
    release_id: UUID | None = None
    url: str | None = None
    reason: str | None = None
    detail: str | None = None
    version: int = 1
    stored_version: int = 0
    """The version that the store has; 0 before it is kept."""
    steps: list[Step] = field(default_factory=list)

    @classmethod
    def request(cls, application: Application, environment: Environment, ref: Ref | None, *, correlation_id: str, at: datetime) -> Self:
        return cls(
            id=new_id(),
            application_id=application.id,
            application=application.name,
            user_id=application.user_id,
            environment=environment,
            ref=str(ref) if ref else None,
            correlation_id=correlation_id,
            requested_at=at,
            changed_at=at,
            deadline_at=at + TO_BEGIN,
            steps=[Step(Status.REQUESTED, at)],
        )

    @property
    def running(self) -> bool:
        return self.status in RUNNING

    @property
    def namespace(self) -> str:
        return namespace_of(self.application)

    @property
    def job(self) -> str:
        return job_of(self.id, self.attempt)

    @property
    def service(self) -> str:
        return service_of(self.application, self.environment)

    @property
    def awaits(self) -> Awaited:
        if self.status is Status.RELEASING:
            return Awaited("Service", self.namespace, self.service, self.id)
        return Awaited("Job", self.namespace, self.job, self.id)

    @property
    def labels(self) -> Mapping[str, str]:
        return {
            manifests.APPLICATION: str(self.application_id),
            manifests.ENVIRONMENT: str(self.environment),
            manifests.DEPLOYMENT: str(self.id),
        }

    def requested(self) -> DeploymentRequested:
        return DeploymentRequested(**self._said(self.requested_at))

    def reminder(self) -> DeploymentTimedOut:
        return DeploymentTimedOut(deployment_id=self.id, deployment_version=self.version)

    def building(self, attempt: int, at: datetime) -> Progress:
        """This attempt's build Job is there. Nothing new if the Job was even quicker and the deployment has moved on."""
        if self.status is not Status.REQUESTED or self.attempt != attempt:
            return Progress()
        return Progress((self._enter(Status.BUILDING, at, TO_BUILD),))

    def observe(self, seen: Observation | None, at: datetime) -> Progress:
        """Moves on, if what was seen is what it waits for."""
        match seen:
            case Built() if self.status in (Status.REQUESTED, Status.BUILDING):
                return self._built(seen, at)
            case BuildBroken(interrupted=True) if self.status in (Status.REQUESTED, Status.BUILDING) and self.attempt < MOST_ATTEMPTS:
                return self._again(at)
            case Gone() if self.status is Status.BUILDING:
                return self.fail(BUILD_FAILED, "The build was removed from the cluster before it ended.", at)
            case BuildBroken() if self.status in (Status.REQUESTED, Status.BUILDING):
                self.commit = seen.commit
                return self.fail(seen.reason, seen.detail, at)
            case Serving() if self.status is Status.RELEASING and self.release_id is not None:
                self.url = seen.url
                self._finish(Status.SUCCEEDED, at)
                return Progress((DeploymentSucceeded(**self._said(at), release_id=self.release_id, url=seen.url),))
            case NotServing() if self.status is Status.RELEASING:
                return self.fail(seen.reason, seen.detail, at)
            case _:
                return Progress()

    def expire(self, at: datetime) -> Progress:
        """Fails a running deployment whose stage has taken longer than it may; has one that has time left reminded again."""
        if not self.running or self.deadline_at is None:
            return Progress()
        if at < self.deadline_at:
            return Progress((after(min(LOOK, self.deadline_at - at), self.reminder()),))
        return self.fail(TIMED_OUT, f"The deployment got no further than {self.status!s} in the time it had.", at)

    def fail(self, reason: str, detail: str, at: datetime) -> Progress:
        if not self.running:
            return Progress()
        was_building = self.status in (Status.REQUESTED, Status.BUILDING)
        self.reason, self.detail = reason, detail
        self._finish(Status.FAILED, at)
        failed = DeploymentFailed(**self._said(at), reason=reason, detail=detail)
        return Progress((BuildFailed(**self._said(at), reason=reason), failed) if was_building else (failed,))

    def nudges(self, release: Release | None) -> tuple[Delayed, ...]:
        """For a deployment that has been quiet for too long: whatever message was lost is sent to itself again; all of them bear being doubled."""
        events: list[Event] = [self.reminder()]
        if self.status is Status.REQUESTED:
            events.append(self.requested())
        if self.status is Status.RELEASING and release is not None:
            events.append(self._build_succeeded(release, self.changed_at))
        return tuple(after(timedelta(seconds=1), event) for event in events)

    def _built(self, built: Built, at: datetime) -> Progress:
        if self.status is Status.REQUESTED:  # the build was over before anybody had noted that it began
            self._enter(Status.BUILDING, at, TO_BUILD)
        release = Release.of(built, self.application_id, at)
        self.commit, self.release_id = release.commit, release.id
        return Progress((self._build_succeeded(release, at), self._enter(Status.RELEASING, at, TO_RELEASE)), release)

    def _again(self, at: datetime) -> Progress:
        """Another build Job, under another name."""
        self.status, self.attempt = Status.REQUESTED, self.attempt + 1
        self.version, self.changed_at, self.deadline_at = self.version + 1, at, at + TO_BEGIN
        return Progress((after(timedelta(seconds=1), self.requested()), after(LOOK, self.reminder())))

    def _build_succeeded(self, release: Release, at: datetime) -> BuildSucceeded:
        return BuildSucceeded(**self._said(at), release_id=release.id, commit=release.commit, image=release.image)

    def _enter(self, status: Status, at: datetime, patience: timedelta) -> Delayed:
        self._leave(at)
        self.status, self.deadline_at = status, at + patience
        if self.steps and self.steps[-1].step is status:
            self.steps[-1].finished_at = None  # another attempt at the same step
        else:
            self.steps.append(Step(status, at))
        return after(LOOK, self.reminder())

    def _finish(self, status: Status, at: datetime) -> None:
        self._leave(at)
        self.status, self.finished_at, self.deadline_at = status, at, None

    def _leave(self, at: datetime) -> None:
        self.version += 1
        self.changed_at = at
        if self.steps:
            self.steps[-1].finished_at = at

    def _said(self, at: datetime) -> dict[str, Any]:
        return {
            "deployment_id": self.id,
            "application_id": self.application_id,
            "user_id": self.user_id,
            "environment": str(self.environment),
            "at": at,
        }


def service_manifest(deployment: Deployment, release: Release) -> manifests.Manifest:
    """What a deployment applies, and what it goes back to: the same words."""
    return manifests.service(
        application=deployment.application,
        labels=deployment.labels,
        release={
            manifests.RELEASE: release.tag,
            manifests.COMMIT: release.commit,
            manifests.CONFIG: str(release.config_version),
        },
        pod=release.manifest,
    )
