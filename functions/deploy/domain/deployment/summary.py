"""One line for people: the outcome of a deployment and what serves now."""

from dataclasses import dataclass
from datetime import datetime

from functions.deploy.domain.deployment.state import DeploymentState
from functions.deploy.domain.deployment.steps import Status

OUTCOMES = {
    Status.SUCCEEDED: "succeeded",
    Status.FAILED: "failed",
    Status.CANCELLED: "was cancelled",
    Status.ROLLED_BACK: "rolled back",
    Status.ROLLING_BACK: "is rolling back",
}


def summarize(deployment: DeploymentState) -> str:
    """Summarize one deployment."""
    release, previous = f"r{deployment.release}", f"r{deployment.previous_release}"
    keeps_serving = f"; {previous} keeps serving." if deployment.previous_release else "."
    match deployment.status:
        case Status.SUCCEEDED:
            return f"{release} is serving. {deployment.detail}" if deployment.detail else f"{release} is serving."
        case Status.FAILED if not deployment.has_taken_traffic:
            return f"Deployment failed before taking traffic{keeps_serving} {deployment.detail}"
        case Status.FAILED:
            consequence = f"{previous} does not serve again" if deployment.previous_release else "nothing serves"
            return f"Deployment failed after taking traffic; {consequence}. {deployment.detail}"
        case Status.ROLLED_BACK:
            return f"{release} rolled back; r{deployment.rolled_back_to} is serving again. {deployment.detail}"
        case Status.ROLLING_BACK:
            return f"{release} is rolling back to r{deployment.rolled_back_to}. {deployment.detail}"
        case Status.CANCELLED:
            return f"Deployment was cancelled{keeps_serving}"
        case Status.OBSERVING:
            return f"{release} is serving and observed for {deployment.terms.observation_seconds} s."
        case _:
            return f"Deployment is {deployment.status!s}{keeps_serving}"


@dataclass(frozen=True, slots=True)
class Serving:
    """What has the traffic of an environment."""

    deployment: DeploymentState
    since: datetime | None
    """When it took the traffic, or took it again after a rollback."""


def find_serving(succeeded: DeploymentState | None, latest: DeploymentState) -> Serving | None:
    """Return what serves now; None if nothing does. `succeeded`: the last deployment that succeeded.

    A release under observation has the traffic, before its deployment succeeds. From the start of a rollback on, the
    previous release has it. If the rollback failed, it has not been seen to serve again.
    """
    if latest.status is Status.OBSERVING:
        return Serving(latest, latest.traffic_at)
    if succeeded is None or succeeded.id == latest.id:
        return Serving(succeeded, succeeded.traffic_at) if succeeded else None
    if latest.has_taken_traffic and latest.status is Status.FAILED:
        return None
    if latest.has_taken_traffic and latest.previous_id == succeeded.id:
        return Serving(succeeded, latest.changed_at)
    return Serving(succeeded, succeeded.traffic_at)


def summarize_environment(serving: Serving | None, latest: DeploymentState, *, stop_reason: str | None = None, has_maintenance: bool = False) -> str:
    """Summarize an environment: what serves, and what its last deployment did if that is another one. `stop_reason`: why it runs nothing."""
    runs = "in maintenance" if has_maintenance else "serving"
    state = runs if stop_reason is None else "stopped" if stop_reason == "stopped" else f"paused ({stop_reason})"
    if serving is not None and serving.deployment.id == latest.id:
        observed = f", observed for {latest.terms.observation_seconds} s" if latest.status is Status.OBSERVING else ""
        return f"r{serving.deployment.release} {state}{observed}"
    serves = f"r{serving.deployment.release} {state}" if serving else "nothing serving"
    outcome = OUTCOMES.get(latest.status, f"is {latest.status!s}")
    release = f" (r{latest.release})" if latest.release else ""
    reason = f" ({latest.reason})" if latest.reason and latest.reason != Status.CANCELLED else ""
    return f"{serves} · last deployment{release} {outcome}{reason}"
