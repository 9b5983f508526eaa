"""A Pod object's status as a kubelet writes it, from what is known of its process."""

from typing import TYPE_CHECKING, Any

from knative.local.objects import Object, now
from knative.local.serving.conditions import Condition, written
from knative.local.serving.pod_limits import EVICTED

if TYPE_CHECKING:
    from knative.local.serving.pod_exit import Exit
    from knative.local.serving.pods import Pod


def terminated(exit: "Exit") -> Object:
    said = {"exitCode": exit.code, "reason": exit.reason, "startedAt": exit.started, "finishedAt": exit.finished}
    return said | ({"message": exit.message} if exit.message else {})


def of(pod: "Pod", object: Object) -> dict[str, Any]:
    before = object.get("status") or {}
    container = pod.box.container
    known = (before.get("containerStatuses") or [{}])[0]
    ended = pod.state == "ended"
    entry: dict[str, Any] = {
        "name": container["name"], "image": container["image"], "imageID": container["image"], "restartCount": pod.restarts,
        "ready": pod.ready, "started": pod.running,
    }  # fmt: skip
    if pod.trouble is not None:
        entry["state"] = {"waiting": {"reason": pod.trouble[0], "message": pod.trouble[1]}}
    elif pod.exit is not None and ended:
        entry["state"] = {"terminated": terminated(pod.exit)}
    elif pod.running:
        same = known.get("restartCount") == pod.restarts and "running" in known.get("state", {})
        entry["state"] = {"running": known["state"]["running"] if same else {"startedAt": now()}}
    elif pod.exit is not None:
        reason = "CrashLoopBackOff" if pod.failures > 1 else "Restarting"
        entry["state"] = {"waiting": {"reason": reason, "message": f"back-off restarting failed container={container['name']}"}}
    else:
        entry["state"] = {"waiting": {"reason": "ContainerCreating"}}
    if pod.exit is not None and not ended:
        entry["lastState"] = {"terminated": terminated(pod.exit)}
    phase = "Pending" if pod.trouble is not None or (not pod.running and pod.exit is None) else "Running"
    if ended:
        phase = "Succeeded" if pod.exit is not None and pod.exit.code == 0 else "Failed"
    reason = "" if pod.ready else "PodCompleted" if phase == "Succeeded" else "ContainersNotReady"
    up = Condition("True" if pod.ready else "False", reason, "" if pod.ready or not pod.unready else pod.unready)
    conditions = {"PodScheduled": Condition("True"), "Initialized": Condition("True"), "ContainersReady": up, "Ready": up}
    evicted = pod.exit if ended and pod.exit is not None and pod.exit.reason == EVICTED else None
    said = {} if evicted is None else {"reason": evicted.reason, "message": evicted.message}
    return said | {
        "phase": phase, "hostIP": "127.0.0.1", "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}], "qosClass": "BestEffort",
        "startTime": before.get("startTime") or now(), "containerStatuses": [entry],
        "conditions": written(conditions, before.get("conditions") or [], now()),
    }  # fmt: skip
