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


class ApplicationDestroyed(Event, type="application.destroyed", subject="application_id"):
    application_id: UUID
    user_id: UUID
    name: str
    at: datetime


class DeploymentEvent(Event, abstract=True):
    """What every fact of a deployment carries."""

    deployment_id: UUID
    application_id: UUID
    user_id: UUID
    environment: str
    at: datetime


class DeploymentRequested(DeploymentEvent, type="deployment.requested", subject="deployment_id"):
    pass


class BuildSucceeded(DeploymentEvent, type="build.succeeded", subject="deployment_id"):
    release_id: UUID
    commit: str
    image: str


class BuildFailed(DeploymentEvent, type="build.failed", subject="deployment_id"):
    reason: str


class DeploymentSucceeded(DeploymentEvent, type="deployment.succeeded", subject="deployment_id"):
    release_id: UUID
    url: str


class DeploymentFailed(DeploymentEvent, type="deployment.failed", subject="deployment_id"):
    """`reason` is a stable word (`build-failed`, `repository-not-found`, `not-ready` …), `detail` the sentence a person reads."""

    reason: str
    detail: str


class DeploymentRolledBack(DeploymentEvent, type="deployment.rolled-back", subject="deployment_id"):
    release_id: UUID
    reason: str
