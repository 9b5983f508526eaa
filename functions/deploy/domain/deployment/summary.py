"""One line for people: the outcome of a deployment and what serves now."""

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
    """Summarize one deployment. Requires its steps."""
    release, previous = f"r{deployment.release}", f"r{deployment.previous_release}"
    keeps_serving = f"; {previous} keeps serving." if deployment.previous_release else "."
    match deployment.status:
        case Status.SUCCEEDED:
            return f"{release} is serving."
        case Status.FAILED if not deployment.has_taken_traffic:
            return f"Deployment failed before taking traffic{keeps_serving} {deployment.detail}"
        case Status.FAILED:
            return f"Deployment failed after taking traffic. {deployment.detail}"
        case Status.ROLLED_BACK:
            return f"{release} rolled back; r{deployment.rolled_back_to} is serving again. {deployment.detail}"
        case Status.ROLLING_BACK:
            return f"{release} is rolling back to r{deployment.rolled_back_to}. {deployment.detail}"
        case Status.CANCELLED:
            return f"Deployment was cancelled{keeps_serving}"
        case Status.OBSERVING:
            return f"{release} has the traffic and is observed for {deployment.terms.observation_seconds} s."
        case _:
            return f"Deployment is {deployment.status!s}{keeps_serving}"


def summarize_environment(serving: DeploymentState | None, latest: DeploymentState, *, is_stopped: bool = False) -> str:
    """Summarize an environment: what serves, and what its last deployment did if that is another one."""
    serves = f"r{serving.release} {'stopped' if is_stopped else 'serving'}" if serving else "nothing serving"
    if serving is not None and serving.id == latest.id:
        return serves
    outcome = OUTCOMES.get(latest.status, f"is {latest.status!s}")
    release = f" (r{latest.release})" if latest.release else ""
    reason = f" ({latest.reason})" if latest.reason and latest.reason != Status.CANCELLED else ""
    return f"{serves} · last deployment{release} {outcome}{reason}"
