"""What a deployment says to the world, and to itself: its facts in the shared words, the reminders of its stages, and one line for a person."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from events.deploy import (
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
from functions.deploy.domain.release import Release
from functions.deploy.domain.status import Status
from functions.deploy.domain.timeouts import LOOK
from functions.kernel import Delayed, Event, after
from functions.kernel.sagas import SHORT_DELAY

if TYPE_CHECKING:
    from functions.deploy.domain.deployment import Deployment


def said(of: "Deployment", at: datetime) -> dict[str, Any]:
    """What every fact of it carries."""
    return {
        "deployment_id": of.id,
        "application_id": of.application_id,
        "application": of.application,
        "user_id": of.user_id,
        "environment": of.environment,
        "cause": str(of.cause),
        "release": of.release,
        "commit": of.commit,
        "at": at,
    }


def requested(of: "Deployment") -> DeploymentRequested:
    return DeploymentRequested(**said(of, of.requested_at))


def begun(of: "Deployment") -> tuple[Event | Delayed, ...]:
    """What its request says."""
    wanted_now = (wanted(of, of.requested_at),) if of.status in (Status.PREPARING, Status.RELEASING) else ()
    return (requested(of), *wanted_now, after(LOOK, of.reminder()))


def wanted(of: "Deployment", at: datetime) -> Event:
    """What its stage asks of the cluster."""
    match of.status:
        case Status.REQUESTED:
            return requested(of)
        case Status.PREPARING:
            return DeploymentPreparationStarted(**said(of, at))
        case Status.ROLLING_BACK:
            assert of.rolled_back_to is not None, "it goes back to something"
            return DeploymentRollbackStarted(**said(of, at), reason=of.reason or "", detail=of.detail or "", rolled_back_to=of.rolled_back_to)
        case _:
            return DeploymentReleaseStarted(**said(of, at))


def nudges(of: "Deployment") -> tuple[Delayed, ...]:
    """For one that is stuck: whatever message was lost is sent to itself again; all of them bear being doubled."""
    asks = of.status in (Status.REQUESTED, Status.PREPARING, Status.RELEASING, Status.ROLLING_BACK)
    again = (after(SHORT_DELAY, wanted(of, of.changed_at)),) if asks else ()
    return (of.resend_reminder(), *again)


def build_succeeded(of: "Deployment", release: Release, at: datetime) -> BuildSucceeded:
    return BuildSucceeded(**{**said(of, at), "release_id": release.id, "commit": release.commit, "image": release.image})


def succeeded(of: "Deployment", at: datetime) -> DeploymentSucceeded:
    assert of.release_id is not None and of.url is not None, "what is not released does not succeed"
    return DeploymentSucceeded(**said(of, at), release_id=of.release_id, url=of.url)


def failed(of: "Deployment", at: datetime, *, before_built: bool) -> tuple[Event, ...]:
    assert of.reason is not None and of.detail is not None, "a failure has a reason"
    build = (BuildFailed(**said(of, at), reason=of.reason, detail=of.detail),) if before_built else ()
    return (*build, DeploymentFailed(**said(of, at), reason=of.reason, detail=of.detail, rolled_back_to=of.rolled_back_to))


def rolled_back(of: "Deployment", at: datetime) -> DeploymentRolledBack:
    assert of.release_id is not None and of.reason is not None and of.rolled_back_to is not None, "what is rolled back was released and has failed"
    told = {"release_id": of.release_id, "reason": of.reason, "detail": of.detail or "", "rolled_back_to": of.rolled_back_to}
    return DeploymentRolledBack(**said(of, at), **told)


def summary(of: "Deployment") -> str:
    """In one line, as a person reads it: what came of it, and what serves now."""
    match of.status:
        case Status.SUCCEEDED:
            return f"succeeded: r{of.release} serves"
        case Status.FAILED | Status.ROLLED_BACK if of.rolled_back_to:
            return f"failed, rolled back to r{of.rolled_back_to}: {of.detail}"
        case Status.FAILED:
            return f"failed: {of.detail}"
        case Status.ROLLING_BACK:
            return f"failed, going back to r{of.rolled_back_to}: {of.detail}"
        case _:
            return str(of.status)
