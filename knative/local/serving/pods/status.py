"""A Pod object's status as a kubelet writes it (pure)."""

from collections.abc import Mapping
from typing import Any

from knative.local.objects import Object, now
from knative.local.serving.conditions import Condition, condition_entries
from knative.local.serving.pods.exit import EVICTED, Exit
from knative.local.serving.pods.state import PodState, Stage


def pod_status(state: PodState, object: Object) -> dict[str, Any]:
    """Return the status of a Pod object.

    `object` is the stored one: times of its status stay as long as the state stays.
    """
    before = object.get("status") or {}
    has_ended = state.stage is Stage.ENDED
    phase = _phase(state, has_ended)
    reason = "" if state.is_ready else "PodCompleted" if phase == "Succeeded" else "ContainersNotReady"
    readiness = Condition("True" if state.is_ready else "False", reason, "" if state.is_ready else state.unready_reason)
    waiting = Condition("False", "ContainersNotInitialized", "init containers have not ended")
    initialized = Condition("True") if state.init.current is None else waiting
    conditions = {"PodScheduled": Condition("True"), "Initialized": initialized, "ContainersReady": readiness, "Ready": readiness}
    eviction = state.exit if has_ended and state.exit is not None and state.exit.reason == EVICTED else None
    status: dict[str, Any] = {} if eviction is None else {"reason": eviction.reason, "message": eviction.message}
    if init_containers := object["spec"].get("initContainers"):
        known = {each["name"]: each for each in before.get("initContainerStatuses") or []}
        status["initContainerStatuses"] = [_init_status(state, each, known.get(each["name"], {})) for each in init_containers]
    container = object["spec"]["containers"][0]
    return status | {
        "phase": phase, "hostIP": "127.0.0.1", "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}], "qosClass": "BestEffort",
        "startTime": before.get("startTime") or now(),
        "containerStatuses": [_container_status(state, container, (before.get("containerStatuses") or [{}])[0])],
        "conditions": condition_entries(conditions, before.get("conditions") or [], now()),
    }  # fmt: skip


def _phase(state: PodState, has_ended: bool) -> str:
    if has_ended and state.init.failure is not None:
        return "Failed"
    if not has_ended and state.init.current is not None:
        return "Pending"
    if has_ended:
        return "Succeeded" if state.exit is not None and state.exit.code == 0 else "Failed"
    return "Pending" if state.start_failure is not None or (not state.is_running and state.exit is None) else "Running"


def _container_status(state: PodState, container: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    has_ended = state.stage is Stage.ENDED
    entry: dict[str, Any] = {
        "name": container["name"], "image": container["image"], "imageID": container["image"], "restartCount": state.restarts,
        "ready": state.is_ready, "started": state.is_running,
    }  # fmt: skip
    if state.init.current is not None and not (has_ended and state.exit is not None):
        entry |= {"ready": False, "started": False, "state": {"waiting": {"reason": "PodInitializing"}}}
    elif state.start_failure is not None:
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


def _init_status(state: PodState, container: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the status of an init container, which runs once and is ready when it has ended with code 0."""
    exit, is_current = state.init.exits.get(container["name"]), state.init.current == container["name"]
    entry: dict[str, Any] = {
        "name": container["name"], "image": container["image"], "imageID": container["image"], "restartCount": 0,
        "ready": exit is not None and exit.code == 0, "started": is_current and state.is_running,
    }  # fmt: skip
    if exit is not None:
        entry["state"] = {"terminated": terminated(exit)}
    elif is_current and state.start_failure is not None:
        entry["state"] = {"waiting": {"reason": state.start_failure.reason, "message": state.start_failure.message}}
    elif is_current and state.is_running:
        entry["state"] = {"running": before.get("state", {}).get("running") or {"startedAt": now()}}
    else:
        entry["state"] = {"waiting": {"reason": "PodInitializing"}}
    return entry


def terminated(exit: Exit) -> Object:
    """Return a ContainerStateTerminated."""
    entry = {"exitCode": exit.code, "reason": exit.reason, "startedAt": exit.started_at, "finishedAt": exit.finished_at}
    return entry | ({"message": exit.message} if exit.message else {})
