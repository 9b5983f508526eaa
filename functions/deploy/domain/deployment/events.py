"""The events that a deployment publishes, built from its row."""

from datetime import datetime
from typing import Any

from events.deployments import (
    BuildFailed,
    BuildSucceeded,
    DeploymentFailed,
    DeploymentPreparationStarted,
    DeploymentReleaseStarted,
    DeploymentRequested,
    DeploymentRollbackStarted,
    DeploymentRolledBack,
    DeploymentSucceeded,
)
from functions.deploy.domain.deployment.state import DeploymentState
from functions.deploy.domain.deployment.steps import Status
from functions.deploy.domain.release import Release
from functions.kernel import Delayed, Event, after
from functions.kernel.sagas import SHORT_DELAY


def requested_event(deployment: DeploymentState) -> DeploymentRequested:
    return DeploymentRequested(**_common_fields(deployment, deployment.requested_at))


def started_events(deployment: DeploymentState) -> tuple[Event, ...]:
    """Events of a new deployment: the request, and the event of its first step if it needs no build."""
    needs_build = deployment.status is Status.REQUESTED
    return (requested_event(deployment), *(() if needs_build else (stage_event(deployment, deployment.requested_at),)))


def stage_event(deployment: DeploymentState, at: datetime) -> Event:
    """The event whose handler applies the current step to the cluster."""
    match deployment.status:
        case Status.REQUESTED:
            return requested_event(deployment)
        case Status.PREPARING:
            return DeploymentPreparationStarted(**_common_fields(deployment, at))
        case Status.ROLLING_BACK:
            assert deployment.rolled_back_to is not None, "a rollback has a target"
            return DeploymentRollbackStarted(
                **_common_fields(deployment, at),
                reason=deployment.reason or "",
                detail=deployment.detail or "",
                rolled_back_to=deployment.rolled_back_to,
            )
        case _:
            return DeploymentReleaseStarted(**_common_fields(deployment, at))


def resent_events(deployment: DeploymentState) -> tuple[Delayed, ...]:
    """Messages of a stuck deployment, to be sent again: its reminder, and the event of its step. Their handlers are
    idempotent."""
    has_stage_event = deployment.status in (Status.REQUESTED, Status.PREPARING, Status.RELEASING, Status.ROLLING_BACK)
    stage = (after(SHORT_DELAY, stage_event(deployment, deployment.changed_at)),) if has_stage_event else ()
    return (deployment.resend_reminder(), *stage)


def build_succeeded_event(deployment: DeploymentState, release: Release, at: datetime) -> BuildSucceeded:
    fields = {**_common_fields(deployment, at), "release_id": release.id, "commit": release.commit, "image": release.image}
    return BuildSucceeded(**fields)


def succeeded_event(deployment: DeploymentState, at: datetime) -> DeploymentSucceeded:
    assert deployment.release_id is not None and deployment.url is not None, "a succeeded deployment has a release and a URL"
    return DeploymentSucceeded(**_common_fields(deployment, at), release_id=deployment.release_id, url=deployment.url, warning=deployment.detail)


def failed_events(deployment: DeploymentState, at: datetime, *, is_build_failure: bool, is_logged: bool) -> tuple[Event, ...]:
    assert deployment.reason is not None and deployment.detail is not None, "a failed deployment has a reason"
    fields = _common_fields(deployment, at)
    build = (BuildFailed(**fields, reason=deployment.reason, detail=deployment.detail, is_logged=is_logged),) if is_build_failure else ()
    return (*build, DeploymentFailed(**fields, reason=deployment.reason, detail=deployment.detail, rolled_back_to=deployment.rolled_back_to))


def rolled_back_event(deployment: DeploymentState, at: datetime) -> DeploymentRolledBack:
    assert deployment.release_id is not None and deployment.reason is not None and deployment.rolled_back_to is not None
    return DeploymentRolledBack(
        **_common_fields(deployment, at),
        release_id=deployment.release_id,
        reason=deployment.reason,
        detail=deployment.detail or "",
        rolled_back_to=deployment.rolled_back_to,
    )


def _common_fields(deployment: DeploymentState, at: datetime) -> dict[str, Any]:
    """Fields of every `DeploymentEvent`."""
    return {
        "deployment_id": deployment.id,
        "application_id": deployment.application_id,
        "application": deployment.application,
        "user_id": deployment.user_id,
        "environment": deployment.environment,
        "cause": str(deployment.cause),
        "release": deployment.release,
        "commit": deployment.commit,
        "at": at,
    }
