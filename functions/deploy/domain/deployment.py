"""A deployment is a saga with a row: requested → building → preparing → releasing → observing → succeeded, or failed from anywhere with a reason.

It moves by what the cluster is observed to be (`observe`), whoever looked: an event of the cluster, a timeout, the housekeeping. So a lost event
costs time and not truth. What it goes back to is known from its beginning: one deployment runs in an environment at a time, so that what serves
when it is requested still serves when it fails.

Its compensation, by where it stands: a build or release phase is stopped, and nothing else was done; a release that has not got the traffic is taken
out of the Service again (both by `on_deployment_failed`, and nothing waits for it); one that has the traffic is undone by a step of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Self
from uuid import UUID

from functions.deploy.domain import facts, manifests
from functions.deploy.domain.application import Application
from functions.deploy.domain.environment import Terms
from functions.deploy.domain.names import Ref, job_of, namespace_of, service_of, task_of
from functions.deploy.domain.observation import (
    BUILD_FAILED,
    CANCELLED,
    FAILING_REQUESTS,
    REMOVED,
    TIMED_OUT,
    BuildBroken,
    Built,
    Gone,
    NotServing,
    Observation,
    Prepared,
    Serving,
    Unprepared,
)
from functions.deploy.domain.rejections import DeploymentEnded
from functions.deploy.domain.release import Release
from functions.deploy.domain.status import BEFORE_BUILT, PREPARED, Awaited, Cause, Progress, Status
from functions.deploy.domain.timeouts import PLAN, DeploymentTimedOut
from functions.kernel import after, new_id
from functions.kernel.sagas import SHORT_DELAY, Plan, Saga

MOST_ATTEMPTS = 2
FEWEST_ERRORS, LARGEST_SHARE = 3, 0.2
"""Of the requests that a release answers while it is observed: from so many errors on, and over this share, it is taken back."""


@dataclass(slots=True, kw_only=True)
class Deployment(Saga):
    plan: ClassVar[Plan] = PLAN

    application_id: UUID
    application: str
    user_id: UUID
    environment: str
    ref: str | None = None
    correlation_id: str
    requested_at: datetime
    cause: Cause = Cause.DEPLOY
    terms: Terms = field(default_factory=Terms)
    previous_id: UUID | None = None
    """The deployment that serves when this one is requested, its release's number, and its revision."""
    previous_release: int | None = None
    previous_revision: str | None = None
    status: Status = Status.REQUESTED
    attempt: int = 1
    commit: str | None = None
    release_id: UUID | None = None
    release: int | None = None
    """Its number."""
    url: str | None = None
    revision: str | None = None
    reason: str | None = None
    detail: str | None = None
    rolled_back_to: int | None = None

    @classmethod
    def request(
        cls, application: Application, environment: str, ref: Ref | None, terms: Terms, previous: Self | None, *, correlation_id: str, at: datetime
    ) -> Self:
        """Of a commit that is still to be built."""
        made = cls._of(application, environment, Cause.DEPLOY, terms, previous, correlation_id, at)
        made.ref = str(ref) if ref else None
        made.begin(Status.REQUESTED, at)
        return made

    @classmethod
    def again(
        cls,
        application: Application,
        environment: str,
        cause: Cause,
        release: Release,
        terms: Terms,
        previous: Self | None,
        *,
        correlation_id: str,
        at: datetime,
    ) -> Self:
        """Of a release that is there: nothing is built."""
        made = cls._of(application, environment, cause, terms, previous, correlation_id, at)
        made.commit, made.release_id, made.release = release.commit, release.id, release.number
        prepares = release.command is not None and cause in PREPARED
        made.begin(Status.PREPARING if prepares else Status.RELEASING, at)
        return made

    @classmethod
    def _of(
        cls, application: Application, environment: str, cause: Cause, terms: Terms, previous: Self | None, correlation_id: str, at: datetime
    ) -> Self:
        return cls(
            id=new_id(),
            application_id=application.id,
            application=application.name,
            user_id=application.user_id,
            environment=environment,
            correlation_id=correlation_id,
            requested_at=at,
            changed_at=at,
            cause=cause,
            terms=terms,
            previous_id=previous.id if previous else None,
            previous_release=previous.release if previous else None,
            previous_revision=previous.revision if previous else None,
        )

    def reminder(self) -> DeploymentTimedOut:
        return DeploymentTimedOut(deployment_id=self.id, deployment_version=self.version)

    @property
    def namespace(self) -> str:
        return namespace_of(self.application)

    @property
    def job(self) -> str:
        return job_of(self.id, self.attempt)

    @property
    def task(self) -> str:
        return task_of(self.id)

    @property
    def service(self) -> str:
        return service_of(self.application, self.environment)

    @property
    def awaits(self) -> Awaited:
        match self.status:
            case Status.PREPARING:
                return Awaited("Job", self.namespace, self.task, self.id, task=True)
            case Status.RELEASING | Status.OBSERVING:
                return Awaited("Service", self.namespace, self.service, self.id, taking_traffic=self.status is Status.OBSERVING)
            case Status.ROLLING_BACK:
                return Awaited("Service", self.namespace, self.service, self.previous_id or self.id, pinned=self.previous_revision)
            case _:
                return Awaited("Job", self.namespace, self.job, self.id)

    @property
    def labels(self) -> Mapping[str, str]:
        return {
            manifests.APPLICATION: str(self.application_id),
            manifests.ENVIRONMENT: self.environment,
            manifests.DEPLOYMENT: str(self.id),
        }

    def building(self, attempt: int, at: datetime) -> Progress:
        """This attempt's build Job is there. Nothing new if the Job was even quicker and the deployment has moved on."""
        if self.status is not Status.REQUESTED or self.attempt != attempt:
            return Progress()
        return Progress((self.enter(Status.BUILDING, at),))

    def observe(self, seen: Observation | None, at: datetime) -> Progress:
        """Moves on, if what was seen is what it waits for. A build that has ended well gives a release to keep: then `cut`."""
        match seen:
            case Built() if self.status in BEFORE_BUILT:
                return Progress(release=Release.of(seen, self.application_id, self.terms, at))
            case BuildBroken(interrupted=True) if self.status in BEFORE_BUILT and self.attempt < MOST_ATTEMPTS:
                return self._again(at)
            case Gone() if self.status is Status.BUILDING:
                return self.fail(BUILD_FAILED, "The build was removed from the cluster before it ended.", at)
            case BuildBroken() if self.status in BEFORE_BUILT:
                self.commit = seen.commit
                return self.fail(seen.reason, seen.detail, at)
            case Prepared() if self.status is Status.PREPARING:
                return self._next(Status.RELEASING, at)
            case Unprepared() if self.status is Status.PREPARING:
                return self.fail(seen.reason, seen.detail, at)
            case Serving() if self.status is Status.RELEASING and self.release_id is not None:
                return self._serving(seen, at)
            case NotServing() if self.status is Status.RELEASING:
                return self.fail(seen.reason, seen.detail, at)
            case NotServing() if self.status is Status.OBSERVING:
                return self.roll_back(seen.reason, seen.detail, at)
            case Gone() if self.status is Status.OBSERVING:
                return self.fail(REMOVED, "Its Service was removed from the cluster.", at)
            case Serving() if self.status is Status.ROLLING_BACK:
                return self._rolled_back(at)
            case NotServing() if self.status is Status.ROLLING_BACK:
                return self.fail(self.reason or seen.reason, f"{self.detail} Nor does r{self.previous_release} come up again: {seen.detail}", at)
            case _:
                return Progress()

    def cut(self, release: Release, at: datetime) -> Progress:
        """Its release is kept and has a number: on to what comes before the traffic."""
        if self.status is Status.REQUESTED:  # the build was over before anybody had noted that it began
            self.enter(Status.BUILDING, at)
        self.commit, self.release_id, self.release = release.commit, release.id, release.number
        built = facts.build_succeeded(self, release, at)
        return Progress((built, *self._next(Status.PREPARING if release.command else Status.RELEASING, at).events))

    def answered(self, requests: int, errors: int, at: datetime) -> Progress:
        """So many requests it has answered in some time since it is observed, and so many of them with a 5xx."""
        if self.status is not Status.OBSERVING or errors < FEWEST_ERRORS or errors < requests * LARGEST_SHARE:
            return Progress()
        return self.roll_back(FAILING_REQUESTS, f"{errors} of the {requests} requests that it was given ended with an error of its own (5xx).", at)

    def expire(self, at: datetime) -> Progress:
        """Ends a stage that has taken as long as it may; has one that has time left reminded again."""
        if not self.is_running:
            return Progress()
        if not self.has_expired(at):
            return Progress((self.postpone(at),))
        if self.status is Status.OBSERVING:
            return self._succeed(at)
        if self.status is Status.ROLLING_BACK:
            return self.fail(self.reason or TIMED_OUT, f"{self.detail} Nor did r{self.previous_release} come up again in time.", at)
        return self.fail(TIMED_OUT, f"The deployment got no further than {self.status!s} in the time it had.", at)

    def roll_back(self, reason: str, detail: str, at: datetime) -> Progress:
        """It has taken traffic and is no good: that is undone. Where nothing served before it, it is its end."""
        undo = PLAN[self.status].undo
        if self.previous_id is None or undo is None:
            return self.fail(reason, detail, at)
        self.reason, self.detail, self.rolled_back_to = reason, detail, self.previous_release
        reminder = self.enter(Status(undo), at)
        return Progress((facts.wanted(self, at), reminder))

    def cancel(self, at: datetime) -> Progress:
        """Raises DeploymentEnded."""
        if not self.is_running or self.status is Status.ROLLING_BACK:
            raise DeploymentEnded(f"This deployment is {self.status!s}: there is nothing to cancel.")
        if self.status is Status.OBSERVING:
            return self.roll_back(CANCELLED, "It was cancelled.", at)
        return self.fail(CANCELLED, "It was cancelled.", at, Status.CANCELLED)

    def fail(self, reason: str, detail: str, at: datetime, ended: Status = Status.FAILED) -> Progress:
        if not self.is_running:
            return Progress()
        before_built = self.status in BEFORE_BUILT
        if self.status is Status.RELEASING:
            self.rolled_back_to = self.previous_release
        elif self.status is Status.ROLLING_BACK:
            self.rolled_back_to = None
        self.reason, self.detail = reason, detail
        self.finish(ended, at)
        return Progress(facts.failed(self, at, before_built=before_built))

    def _serving(self, seen: Serving, at: datetime) -> Progress:
        self.url, self.revision = seen.url, seen.revision
        if self.terms.observation_seconds and self.cause is not Cause.ROLLBACK:
            return Progress((self.enter(Status.OBSERVING, at, timedelta(seconds=self.terms.observation_seconds)),))
        return self._succeed(at)

    def _succeed(self, at: datetime) -> Progress:
        self.finish(Status.SUCCEEDED, at)
        return Progress((facts.succeeded(self, at),))

    def _rolled_back(self, at: datetime) -> Progress:
        self.finish(Status.ROLLED_BACK, at)
        return Progress((facts.rolled_back(self, at),))

    def _next(self, status: Status, at: datetime) -> Progress:
        reminder = self.enter(status, at)
        return Progress((facts.wanted(self, at), reminder))

    def _again(self, at: datetime) -> Progress:
        """Another build Job, under another name."""
        self.attempt += 1
        reminder = self.enter(Status.REQUESTED, at)
        return Progress((after(SHORT_DELAY, facts.requested(self)), reminder))
