"""What the deploy context states: applications, builds, releases and deployments."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Event


class QuotaGranted(Event, type="quota.granted", subject="user_id"):
    """How much a user may run: applications, and memory in MiB over all of them."""

    user_id: UUID
    applications: int
    memory_mib: int
    at: datetime


class ApplicationCreated(Event, type="application.created", subject="application_id"):
    application_id: UUID
    user_id: UUID
    name: str
    at: datetime


class ApplicationDeleted(Event, type="application.deleted", subject="application_id"):
    application_id: UUID
    user_id: UUID
    name: str
    at: datetime


class EnvironmentDeleted(Event, type="environment.deleted"):
    """One environment of an application is given up; the application stays."""

    application_id: UUID
    user_id: UUID
    application: str
    environment: str
    at: datetime


class DeploymentEvent(Event, abstract=True):
    """What every fact of a deployment carries. `cause` is deploy, promotion, rollback (somebody asked for it), configuration or scale; `release` is
    the number of the release that is being deployed, once there is one."""

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
    pass


class BuildSucceeded(DeploymentEvent, type="build.succeeded", subject="deployment_id"):
    release_id: UUID
    commit: str
    image: str


class BuildFailed(DeploymentEvent, type="build.failed", subject="deployment_id"):
    reason: str
    detail: str = ""


class DeploymentPreparationStarted(DeploymentEvent, type="deployment.preparation-started", subject="deployment_id"):
    """Its release phase begins: a command that runs with the new image and configuration before there is any traffic."""


class DeploymentReleaseStarted(DeploymentEvent, type="deployment.release-started", subject="deployment_id"):
    """Its release is to take the traffic as soon as it is ready."""


class DeploymentSucceeded(DeploymentEvent, type="deployment.succeeded", subject="deployment_id"):
    release_id: UUID
    url: str


class DeploymentFailed(DeploymentEvent, type="deployment.failed", subject="deployment_id"):
    """`reason` is a stable word (`build-failed`, `repository-not-found`, `not-ready`, `release-phase-failed`, `cancelled` …), `detail` the sentence a
    person reads. `rolled_back_to`: the number of the release that was put back in its place; it had not lost the traffic."""

    reason: str
    detail: str
    rolled_back_to: int | None = None


class DeploymentRollbackStarted(DeploymentEvent, type="deployment.rollback-started", subject="deployment_id"):
    """Its release has taken the traffic and failed: the one before is being put back."""

    reason: str
    detail: str
    rolled_back_to: int


class DeploymentRolledBack(DeploymentEvent, type="deployment.rolled-back", subject="deployment_id"):
    """Its release took the traffic and failed while it was observed; the release `rolled_back_to` serves again. `release_id` and `release` are
    those of the one that failed."""

    release_id: UUID
    reason: str
    detail: str = ""
    rolled_back_to: int = 0
