"""A Pod object's status as a kubelet writes it (pure)."""

from collections.abc import Mapping
from typing import Any

from knative.local.objects import Object, now
from knative.local.serving.conditions import Condition, condition_entries
from knative.local.serving.pods.exit import EVICTED, Exit
from knative.local.serving.pods.state import PodState, Stage


def pod_status(state: PodState, container: Mapping[str, Any], object: Object) -> dict[str, Any]:
    """Return the status of a Pod object.

    `object` is the stored one: times of its status stay as long as the state stays.
    """
    before = object.get("status") or {}
    has_ended = state.stage is Stage.ENDED
    phase = _phase(state, has_ended)
    reason = "" if state.is_ready else "PodCompleted" if phase == "Succeeded" else "ContainersNotReady"
    readiness = Condition("True" if state.is_ready else "False", reason, "" if state.is_ready else state.unready_reason)
    conditions = {"PodScheduled": Condition("True"), "Initialized": Condition("True"), "ContainersReady": readiness, "Ready": readiness}
    eviction = state.exit if has_ended and state.exit is not None and state.exit.reason == EVICTED else None
    status = {} if eviction is None else {"reason": eviction.reason, "message": eviction.message}
    return status | {
        "phase": phase, "hostIP": "127.0.0.1", "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}], "qosClass": "BestEffort",
        "startTime": before.get("startTime") or now(),
        "containerStatuses": [_container_status(state, container, (before.get("containerStatuses") or [{}])[0])],
        "conditions": condition_entries(conditions, before.get("conditions") or [], now()),
    }  # fmt: skip


def _phase(state: PodState, has_ended: bool) -> str:
    if has_ended:
        return "Succeeded" if state.exit is not None and state.exit.code == 0 else "Failed"
    return "Pending" if state.start_failure is not None or (not state.is_running and state.exit is None) else "Running"


def _container_status(state: PodState, container: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    has_ended = state.stage is Stage.ENDED
    entry: dict[str, Any] = {
        "name": container["name"], "image": container["image"], "imageID": container["image"], "restartCount": state.restarts,
        "ready": state.is_ready, "started": state.is_running,
    }  # fmt: skip
    if state.start_failure is not None:
        entry["state"] = {"waiting": {"reason": state.start_failure.reason, "message": state.start_failure.message}}
    elif state.exit is not None and has_ended:
        entry["state"] = {"terminated": terminated(state.exit)}
    elif state.is_running:
        is_same_run = before.get("restartCount") == state.restarts and "running" in before.get("state", {})
        entry["state"] = {"running": before["state"]["running"] if is_same_run else {"startedAt": now()}}
    elif state.exit is not None:
        reason = "CrashLoopBackOff" if state.failures > 1 else "Restarting"
        entry["state"] = {"waiting": {"reason": reason, "message": f"back-off restarting failed container={container['name']}"}}
    else:
        entry["state"] = {"waiting": {"reason": "ContainerCreating"}}
    if state.exit is not None and not has_ended:
        entry["lastState"] = {"terminated": terminated(state.exit)}
    return entry


def terminated(exit: Exit) -> Object:
    """Return a ContainerStateTerminated."""
    entry = {"exitCode": exit.code, "reason": exit.reason, "startedAt": exit.started_at, "finishedAt": exit.finished_at}
    return entry | ({"message": exit.message} if exit.message else {})
