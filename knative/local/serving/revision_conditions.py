"""A revision's conditions, from the state of its scaler (pure)."""

from knative.local.serving.conditions import TRUE, Condition, summarize
from knative.local.serving.scaler import Scaler

NO_CONTAINER_REASONS = frozenset({"ProgressDeadlineExceeded", "ImagePullBackOff", "CreateContainerConfigError", "ContainerCreating"})
"""Reasons that concern ResourcesAvailable, because there is no container that could be unhealthy."""
NO_TRAFFIC = Condition("False", "NoTraffic", "The target is not receiving traffic.", "Info")
QUEUED = Condition("Unknown", "Queued", "Requests to the target are being buffered as resources are provisioned.", "Info")
DEPLOYING = Condition("Unknown", "Deploying")


def conditions_of(scaler: Scaler) -> dict[str, Condition]:
    """Return a revision's conditions, Ready among them."""
    failure = scaler.failure
    if scaler.has_failed and failure is not None:
        failed = Condition("False", failure.reason, failure.message)
        unknown = Condition("Unknown", failure.reason, failure.message)
        has_no_container = failure.reason in NO_CONTAINER_REASONS
        found = {"ResourcesAvailable": failed if has_no_container else unknown, "ContainerHealthy": unknown if has_no_container else failed}
        active = Condition("False", failure.reason, failure.message, "Info")
    elif scaler.has_been_ready:
        is_unhealthy = failure is not None and not scaler.ready_pods
        healthy = Condition("False", failure.reason, failure.message) if failure is not None and is_unhealthy else TRUE
        found = {"ResourcesAvailable": TRUE, "ContainerHealthy": healthy}
        active = Condition("True", severity="Info") if scaler.ready_pods else QUEUED if scaler.pods else NO_TRAFFIC
    else:
        waiting = Condition("Unknown", failure.reason, failure.message) if failure is not None else DEPLOYING
        found = {"ResourcesAvailable": waiting, "ContainerHealthy": waiting}
        active = Condition("Unknown", waiting.reason, waiting.message, "Info")
    return found | {"Active": active, "Ready": summarize(found, ("ResourcesAvailable", "ContainerHealthy"))}
