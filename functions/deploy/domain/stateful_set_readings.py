"""Read whether the pod of a StatefulSet serves, and why it does not."""

from collections.abc import Sequence
from typing import Any


def read_stateful_set(stateful_set: Any, pods: Sequence[Any]) -> str:
    """Return why it is not ready in its present form; an empty text when it is."""
    status = stateful_set.get("status") or {}
    is_observed = status.get("observedGeneration", 0) >= stateful_set["metadata"]["generation"]
    is_current = status.get("currentRevision", "") == status.get("updateRevision", "")
    if is_observed and is_current and status.get("readyReplicas", 0) >= stateful_set["spec"]["replicas"]:
        return ""
    return "; ".join(reasons) if (reasons := [text for each in pods if (text := waiting_reason(each))]) else "its pod is starting"


def waiting_reason(pod: Any) -> str:
    """In words of Kubernetes: no room on a node, an image that cannot be pulled, a crash. Empty while nothing is wrong."""
    status = pod.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False" and condition.get("message"):
            return f"{condition.get('reason', 'Unschedulable')}: {condition['message']}"
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            return ": ".join(text for text in (waiting["reason"], waiting.get("message")) if text)
    return ""
