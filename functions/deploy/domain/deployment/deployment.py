"""The transitions of a deployment. Each returns the events to publish, and an empty tuple if nothing changes."""

from datetime import datetime, timedelta
from typing import Self

from functions.deploy.domain import observation as reasons
from functions.deploy.domain.application import Application
from functions.deploy.domain.deployment import events
from functions.deploy.domain.deployment.state import Cause, DeploymentState
from functions.deploy.domain.deployment.steps import PLAN, RELEASE_MARGIN, REPORT_TIMEOUT, Status
from functions.deploy.domain.environment import Terms
from functions.deploy.domain.names import Ref
from functions.deploy.domain.observation import (
    BuildJobFailed,
    BuildJobSucceeded,
    Observation,
    ReleasePhaseFailed,
    ReleasePhaseSucceeded,
    ResourceDeleted,
    ServiceFailed,
    ServiceReady,
)
from functions.deploy.domain.rejections import DeploymentEnded
from functions.deploy.domain.release import Release
from functions.kernel import Events, after, new_id
from functions.kernel.sagas import SHORT_DELAY

MAX_BUILD_ATTEMPTS = 2
MIN_ERRORS, MAX_ERROR_RATE = 3, 0.2
"""A release under observation is rolled back from this many 5xx responses on, if they are this share of its responses.
"""
BUILD_STATUSES = frozenset({Status.REQUESTED, Status.BUILDING})
NOT_MEASURED_DETAIL = (
    "No report about its requests arrived, not even that there were none, so nothing is known about what the release answers. The platform's "
    "collector does not run, or cannot read the requests: its operator finds the cause in docs/collector.md."
)
CAUSES_WITH_RELEASE_PHASE = frozenset({Cause.PROMOTION, Cause.CONFIGURATION, Cause.START})
"""Causes that run the release phase again, in their own environment. A rollback, a restart or another size does not: the
release has run there before. A start may have another configuration."""


class Deployment(DeploymentState):
    __slots__ = ()

    @classmethod
    def request(
        cls,
        application: Application,
        environment: str,
        ref: Ref | None,
        terms: Terms,
        previous: Self | None,
        *,
        correlation_id: str,
        at: datetime,
    ) -> tuple[Self, Events]:
        """Create a deployment of a commit, which starts with a build. `ref` None: the repository's default branch."""
        deployment = cls._create(application, environment, Cause.DEPLOY, terms, previous, correlation_id, at)
        deployment.ref = str(ref) if ref else None
        return deployment, deployment._start(Status.REQUESTED, at)

    @classmethod
    def redeploy(
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
    ) -> tuple[Self, Events]:
        """Create a deployment of an existing release, without a build."""
        deployment = cls._create(application, environment, cause, terms, previous, correlation_id, at)
        deployment.commit, deployment.release_id, deployment.release = release.commit, release.id, release.number
        has_release_phase = release.release_command is not None and cause in CAUSES_WITH_RELEASE_PHASE
        return deployment, deployment._start(Status.PREPARING if has_release_phase else Status.RELEASING, at)

    @classmethod
    def _create(
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

    def _start(self, status: Status, at: datetime) -> Events:
        reminder = self.begin(status, at, self._time_limit(status))
        return (*events.started_events(self), reminder)

    def record_build_started(self, attempt: int, at: datetime) -> Events:
        """The build Job of this attempt exists. Changes nothing if the Job has already moved the deployment on."""
        if self.status is not Status.REQUESTED or self.attempt != attempt:
            return ()
        return (self.enter(Status.BUILDING, at),)

    def release_from(self, observation: Observation, at: datetime) -> Release | None:
        """Create the release of a successful build; None for other observations. Store it, then call `attach_release`."""
        if isinstance(observation, BuildJobSucceeded) and self.status in BUILD_STATUSES:
            return Release.from_build(observation, self.application_id, self.terms, at)
        return None

    def attach_release(self, release: Release, at: datetime) -> Events:
        """Continue with a stored release, whose number is assigned: release phase, or traffic."""
        if self.status is Status.REQUESTED:  # the build ended before its start was recorded
            self.enter(Status.BUILDING, at)
        self.commit, self.release_id, self.release = release.commit, release.id, release.number
        build_event = events.build_succeeded_event(self, release, at)
        return (build_event, *self._advance_to(Status.PREPARING if release.release_command else Status.RELEASING, at))

    def observe(self, observation: Observation, at: datetime) -> Events:
        """Move on if the observation concerns the current step. A successful build is handled by `release_from` and
        `attach_release`."""
        match observation:
            case BuildJobFailed(is_interrupted=True) if self.status in BUILD_STATUSES and self.attempt < MAX_BUILD_ATTEMPTS:
                return self._retry_build(at)
            case ResourceDeleted() if self.status is Status.BUILDING:
                return self.fail(reasons.BUILD_FAILED, "The build Job was deleted before it ended.", at)
            case BuildJobFailed() if self.status in BUILD_STATUSES:
                self.commit = observation.commit
                return self.fail(observation.reason, observation.detail, at, is_logged=observation.is_logged)
            case ReleasePhaseSucceeded() if self.status is Status.PREPARING:
                return self._advance_to(Status.RELEASING, at)
            case ReleasePhaseFailed() if self.status is Status.PREPARING:
                return self.fail(observation.reason, observation.detail, at)
            case ServiceReady() if self.status is Status.RELEASING and self.release_id is not None:
                return self._take_traffic(observation, at)
            case ServiceFailed() if self.status is Status.RELEASING:
                return self.fail(observation.reason, observation.detail, at)
            case ServiceFailed() if self.status is Status.OBSERVING:
                return self.roll_back(observation.reason, observation.detail, at)
            case ResourceDeleted() if self.status is Status.OBSERVING:
                return self.fail(reasons.SERVICE_REMOVED, "The Service was deleted from the cluster.", at)
            case ServiceReady() if self.status is Status.ROLLING_BACK:
                self.finish(Status.ROLLED_BACK, at)
                return (events.rolled_back_event(self, at),)
            case ServiceFailed() if self.status is Status.ROLLING_BACK:
                return self._fail_rollback(observation.reason, f"r{self.previous_release} does not become ready: {observation.detail}", at)
            case _:
                return ()

    def record_traffic(self, requests: int, errors: int, at: datetime) -> Events:
        """Roll back if too many of its responses under observation are 5xx."""
        if self.status is not Status.OBSERVING or errors < MIN_ERRORS or errors < requests * MAX_ERROR_RATE:
            return ()
        return self.roll_back(reasons.FAILING_REQUESTS, f"{errors} of {requests} requests failed with 5xx ({100 * errors / requests:.0f} %).", at)

    def record_report(self, at: datetime) -> Events:
        """Note that the collector has reported its release, with or without requests."""
        if self.status is not Status.OBSERVING or self.measured_at is not None:
            return ()
        self.measured_at = at
        self.deadline_at = self.observed_until  # not longer than usual, after it was waited for
        return (self.postpone(at),)

    def warn(self, reason: str, detail: str | None) -> None:
        """Note what does not run as it should beside `web`, at the end of the observation. The deployment succeeds with it."""
        if detail is not None and self.is_running and self.status is Status.OBSERVING:
            self.reason, self.detail = reason, detail

    def expire(self, at: datetime) -> Events:
        """End a step at the end of its time: an observation that was measured succeeds, every other step fails. Otherwise
        schedule the next reminder."""
        if not self.is_running:
            return ()
        if not self.has_expired(at):
            return (self.postpone(at),)
        if self.status is Status.OBSERVING:
            return self._succeed(at) if self.measured_at else self._await_report(at)
        if self.status is Status.ROLLING_BACK:
            return self._fail_rollback(reasons.TIMED_OUT, f"r{self.previous_release} did not become ready in time.", at)
        return self.fail(reasons.TIMED_OUT, f"The step {self.status!s} exceeded its time limit.", at)

    def roll_back(self, reason: str, detail: str, at: datetime) -> Events:
        """Undo a release that has taken traffic. Fails the deployment if nothing served before it."""
        undo = PLAN[self.status].undo
        if self.previous_id is None or undo is None:
            return self.fail(reason, detail, at)
        self.reason, self.detail, self.rolled_back_to = reason, detail, self.previous_release
        return self._advance_to(Status(undo), at)

    def cancel(self, at: datetime) -> Events:
        """Raises DeploymentEnded."""
        if not self.is_running:
            raise DeploymentEnded(f"Deployment {self.id} has ended ({self.status!s}). Only a running deployment can be cancelled.")
        if self.status is Status.ROLLING_BACK:
            raise DeploymentEnded(f"Deployment {self.id} is already rolling back to r{self.rolled_back_to}.")
        if self.status is Status.OBSERVING:
            return self.roll_back(reasons.CANCELLED, "The deployment was cancelled.", at)
        return self.fail(reasons.CANCELLED, "The deployment was cancelled.", at, status=Status.CANCELLED)

    def interrupt(self, reason: str, detail: str, at: datetime) -> Events:
        """End a deployment because its environment is paused. What has taken traffic has succeeded; a rollback goes on."""
        if self.status is Status.OBSERVING:
            return self._succeed(at)
        return () if self.status is Status.ROLLING_BACK else self.fail(reason, detail, at)

    def refuse(self, message: str, at: datetime) -> Events:
        """Fail because the cluster refused what the current step applied."""
        if self.status is Status.ROLLING_BACK:
            detail = f"{self.detail} The cluster refused the rollback: {message}"
            return self.fail(reasons.CLUSTER_REFUSED, detail, at)
        return self.fail(reasons.CLUSTER_REFUSED, message, at)

    def fail(self, reason: str, detail: str, at: datetime, *, status: Status = Status.FAILED, is_logged: bool = False) -> Events:
        """`is_logged`: the build wrote this failure as the last line of its log."""
        if not self.is_running:
            return ()
        is_build_failure = self.status in BUILD_STATUSES
        if self.status is Status.RELEASING:
            self.rolled_back_to = self.previous_release
        elif self.status is Status.ROLLING_BACK:
            self.rolled_back_to = None
        self.reason, self.detail = reason, detail
        self.finish(status, at)
        return events.failed_events(self, at, is_build_failure=is_build_failure, is_logged=is_logged)

    def _fail_rollback(self, default_reason: str, problem: str, at: datetime) -> Events:
        """Keeps the reason of the rollback, and adds why the previous release does not serve."""
        return self.fail(self.reason or default_reason, f"{self.detail} {problem}", at)

    def _take_traffic(self, ready: ServiceReady, at: datetime) -> Events:
        """A rollback is not observed: what it replaces is worse."""
        self.url, self.revision, self.traffic_at = ready.url, ready.revision, at
        if self.terms.observation_seconds and self.cause is not Cause.ROLLBACK:
            return (self.enter(Status.OBSERVING, at, timedelta(seconds=self.terms.observation_seconds)),)
        return self._succeed(at)

    def _await_report(self, at: datetime) -> Events:
        """A late report is waited for once. Without any, nobody knows what the release answers: it is rolled back."""
        if self.deadline_at == self.observed_until:
            self.deadline_at = at + REPORT_TIMEOUT
            return (self.postpone(at),)
        return self.roll_back(reasons.NOT_MEASURED, NOT_MEASURED_DETAIL, at)

    def _succeed(self, at: datetime) -> Events:
        self.finish(Status.SUCCEEDED, at)
        return (events.succeeded_event(self, at),)

    def _advance_to(self, status: Status, at: datetime) -> Events:
        reminder = self.enter(status, at, self._time_limit(status))
        return (events.stage_event(self, at), reminder)

    def _time_limit(self, status: Status) -> timedelta | None:
        """Of a step in which a revision becomes ready: longer than its progress deadline. None: the plan's."""
        if status in (Status.RELEASING, Status.ROLLING_BACK):
            return timedelta(seconds=self.terms.ready_timeout_seconds) + RELEASE_MARGIN
        return None

    def _retry_build(self, at: datetime) -> Events:
        """The next attempt's Job has another name."""
        self.attempt += 1
        reminder = self.enter(Status.REQUESTED, at)
        return (after(SHORT_DELAY, events.requested_event(self)), reminder)
