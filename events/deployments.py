"""Events of the deploy context about deployments."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Event


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

    Also by a time limit, an image that cannot be pulled, an evicted pod, or a cancelled deployment.

    `reason`: a stable code, such as `build-failed`. `detail`: for people. `is_logged`: the build itself wrote it as the last line of its log.
    """

    reason: str
    detail: str = ""
    is_logged: bool = False


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
