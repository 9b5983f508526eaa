"""Events of the deploy context: quotas, applications, environments and deployments."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Event


class QuotaGranted(Event, type="quota.granted", subject="user_id"):
    """A user's quota was set.

    `memory_mib`: MiB over all applications.
    """

    user_id: UUID
    applications: int
    memory_mib: int
    at: datetime


class AccountStandingChanged(Event, type="account-standing.changed", subject="user_id"):
    """Whether an account may start new work has changed.

    `standing`: `good`; `restricted` (nothing new starts, and what runs goes on until `pauses_at`); `paused` (what runs beyond
    the limits is scaled to zero until the restriction ends). `restriction`: `subscription-suspended`, `usage-exhausted` or
    `over-quota`. `detail`: for people.
    """

    user_id: UUID
    standing: str
    restriction: str | None = None
    detail: str = ""
    pauses_at: datetime | None = None
    at: datetime


class AccountReviewRequested(Event, type="account.review-requested"):
    """The standing of an account may have changed.

    Review it, and pause or resume what it runs.
    """

    user_id: UUID


class ApplicationCreated(Event, type="application.created", subject="application_id", is_public=True):
    """An application was created."""

    application_id: UUID
    user_id: UUID
    name: str
    at: datetime


class ApplicationRenamed(Event, type="application.renamed", subject="application_id"):
    """An application that was never deployed was renamed."""

    application_id: UUID
    user_id: UUID
    name: str
    at: datetime


class ApplicationTransferred(Event, type="application.transferred", subject="application_id", is_public=True):
    """An application was moved to another team.

    `user_id`: the team that owns it now. Usage whose window began before `at` is paid by the former one.
    """

    application_id: UUID
    user_id: UUID
    former_user_id: UUID
    name: str
    at: datetime


class ApplicationDeleted(Event, type="application.deleted", subject="application_id", is_public=True):
    """An application was deleted with all its environments."""

    application_id: UUID
    user_id: UUID
    name: str
    at: datetime


class EnvironmentCreated(Event, type="environment.created", is_public=True):
    """A user created an environment.

    The two that every application has are not announced.
    """

    application_id: UUID
    user_id: UUID
    application: str
    environment: str
    at: datetime


class EnvironmentProtectionChanged(Event, type="environment-protection.changed"):
    """An environment was protected, or its protection was lifted.

    In a protected environment a developer needs a grant.
    """

    application_id: UUID
    user_id: UUID
    environment: str
    is_protected: bool
    at: datetime


class EnvironmentDeleted(Event, type="environment.deleted", is_public=True):
    """An environment was deleted; its application stays."""

    application_id: UUID
    user_id: UUID
    application: str
    environment: str
    at: datetime


class EnvironmentStopped(Event, type="environment.stopped"):
    """An environment was stopped: it runs nothing until it is started."""

    application_id: UUID
    user_id: UUID
    application: str
    environment: str
    at: datetime


class ScheduledRun(Event, abstract=True):
    """Fields of every event about a run of a schedule. `cron`: the expression."""

    schedule_id: UUID
    application_id: UUID
    user_id: UUID
    application: str
    environment: str
    cron: str
    at: datetime


class ScheduledRunSucceeded(ScheduledRun, type="scheduled-run.succeeded", is_public=True):
    """A run of a schedule ended with exit code 0."""

    run_id: UUID


class ScheduledRunFailed(ScheduledRun, type="scheduled-run.failed", is_public=True):
    """A run of a schedule failed.

    `exit_code`: null if it was stopped from outside, and then `detail` says why.
    """

    run_id: UUID
    exit_code: int | None = None
    detail: str = ""


class ScheduledRunMissed(ScheduledRun, type="scheduled-run.missed", is_public=True):
    """A run of a schedule has not come within 15 minutes of its time."""

    expected_at: datetime


class WorkloadRefreshRequested(Event, type="workloads.refresh-requested"):
    """What an environment runs beside `web` has changed.

    Its process types, their instances, its schedules, or the release of all. `operation`: the kind of the operation that a
    command has started; null: a release was rolled out.
    """

    application_id: UUID
    user_id: UUID
    application: str
    environment: str
    operation: str | None = None
    at: datetime


class EnvironmentPaused(Event, type="environment.paused"):
    """An environment was scaled to zero, since its account is restricted.

    `reason`: the restriction of the account.
    """

    application_id: UUID
    user_id: UUID
    application: str
    environment: str
    reason: str
    at: datetime


class EnvironmentResumed(Event, type="environment.resumed"):
    """A paused environment runs again: its account is not restricted."""

    application_id: UUID
    user_id: UUID
    application: str
    environment: str
    at: datetime


class MaintenanceStarted(Event, type="maintenance.started", is_public=True):
    """Visitors of an environment get a page instead of the application.

    Published again when the page changes. `message`: what they read; null: a general sentence.
    """

    application_id: UUID
    user_id: UUID
    application: str
    environment: str
    message: str | None = None
    retry_after_seconds: int
    at: datetime


class MaintenanceEnded(Event, type="maintenance.ended", is_public=True):
    """Visitors of an environment reach the application again."""

    application_id: UUID
    user_id: UUID
    application: str
    environment: str
    at: datetime


class InspectionRequested(Event, type="inspection.requested"):
    """An inspection of a repository was requested, or its end was not noticed."""

    inspection_id: UUID
    user_id: UUID
    at: datetime


class RunRequested(Event, type="run.requested", subject="run_id"):
    """A one-off command was requested."""

    run_id: UUID
    application_id: UUID
    user_id: UUID
    environment: str
    at: datetime


class RunCancelled(Event, type="run.cancelled", subject="run_id"):
    """A one-off command was cancelled."""

    run_id: UUID
    application_id: UUID
    environment: str
    at: datetime


class DeploymentEvent(Event, abstract=True):
    """The fields of every deployment event.

    `cause`: `deploy`, `promotion`, `rollback` (requested by a user), `configuration`,
    `scale`, `restart` or `start`. `application`: its name.
    `release`: the number of the release that is deployed; null before the build.
    """

    deployment_id: UUID
    application_id: UUID
    user_id: UUID
    environment: str
    at: datetime
    application: str = ""
    cause: str = "deploy"
    release: int | None = None
    commit: str | None = None


class DeploymentRequested(DeploymentEvent, type="deployment.requested", subject="deployment_id"):
    """A deployment was requested."""


class BuildSucceeded(DeploymentEvent, type="build.succeeded", subject="deployment_id"):
    """A build succeeded and created a release.

    `image`: reference with digest.
    """

    release_id: UUID
    commit: str
    image: str


class BuildFailed(DeploymentEvent, type="build.failed", subject="deployment_id"):
    """A build failed.

    `reason`: a stable code, such as `build-failed`. `detail`: for people.
    """

    reason: str
    detail: str = ""


class DeploymentPreparationStarted(DeploymentEvent, type="deployment.preparation-started", subject="deployment_id"):
    """The release phase of a deployment started.

    A command runs with the new image and configuration before the release gets traffic.
    """


class DeploymentReleaseStarted(DeploymentEvent, type="deployment.release-started", subject="deployment_id"):
    """The rollout of a release started; traffic follows when it is ready."""


class DeploymentSucceeded(DeploymentEvent, type="deployment.succeeded", subject="deployment_id", is_public=True):
    """A deployment succeeded: its release serves at `url`.

    `warning`: what does not run as it should beside `web`, such as a worker that crashes; for people.
    """

    release_id: UUID
    url: str
    warning: str | None = None


class DeploymentFailed(DeploymentEvent, type="deployment.failed", subject="deployment_id", is_public=True):
    """A deployment failed before its release got traffic.

    `reason`: a stable code (`build-failed`, `repository-not-found`, `not-ready`, `release-phase-failed`, `cancelled` …).
    `detail`: for people. `rolled_back_to`: the number of the release that keeps serving; null if there is none.
    """

    reason: str
    detail: str
    rolled_back_to: int | None = None


class DeploymentRollbackStarted(DeploymentEvent, type="deployment.rollback-started", subject="deployment_id"):
    """A release that got traffic failed, and its rollback started.

    `reason`: a stable code. `detail`: for people. `rolled_back_to`: the number of the release that gets the traffic.
    """

    reason: str
    detail: str
    rolled_back_to: int


class DeploymentRolledBack(DeploymentEvent, type="deployment.rolled-back", subject="deployment_id", is_public=True):
    """A release that got traffic failed and was rolled back.

    `release_id`, `release`: the failed release. `rolled_back_to`: the number of the release that serves again.
    """

    release_id: UUID
    reason: str
    detail: str = ""
    rolled_back_to: int = 0
