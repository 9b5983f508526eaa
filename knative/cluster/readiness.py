"""Whether an object is ready, and if not, why: from its own conditions and those of its pods."""

from collections.abc import Iterable

from kubernetes.dynamic.exceptions import ApiException

from knative.cluster.connection import ClusterApi
from knative.machine.cluster import conditions, not_ready
from knative.machine.installation_objects import Object

READY_CONDITION = {
    "Broker": "Ready", "Trigger": "Ready", "Service": "Ready", "PingSource": "Ready", "ApiServerSource": "Ready", "DomainMapping": "Ready",
    "User": "Ready", "Permission": "Ready", "TopicPermission": "Ready", "Certificate": "Ready", "Issuer": "Ready", "ClusterIssuer": "Ready",
    "Cluster": "Ready", "RabbitmqCluster": "AllReplicasReady",
}  # fmt: skip
"""Kind → the condition that says that it is ready. Kinds without an entry are ready when they are applied."""
HOPELESS = ("ImagePullBackOff", "ErrImagePull", "InvalidImageName", "CreateContainerConfigError", "ErrImageNeverPull", "CrashLoopBackOff")
"""Reasons of waiting containers that seldom end by themselves."""
LOG_LINES = 12
DISPATCHERS = "eventing.knative.dev/broker={broker},eventing.knative.dev/brokerRole=dispatcher"
"""eventing-rabbitmq gives the dispatchers of all Triggers of a Broker these labels and no others."""
DISPATCHER = "{trigger}-dispatcher"
"""The name of a Trigger's dispatcher, a Deployment."""


def unready(item: Object, present: Object | None) -> str | None:
    """Why an object is not ready; None when it is. A reason that begins with `failed` does not end by itself."""
    kind = item["kind"]
    if present is None:
        return "does not exist"
    present = {"kind": kind, **present}
    if kind in ("Job", "Broker", "Trigger", "PingSource", "ApiServerSource") or (kind == "Service" and item["apiVersion"].startswith("serving.")):
        return not_ready(present)
    if kind in ("DaemonSet", "Deployment", "StatefulSet"):
        return _unready_workload(present)
    if kind == "Database":
        status = present.get("status") or {}
        return None if status.get("applied") else str(status.get("message") or "not applied yet")
    if kind not in READY_CONDITION or kind == "Service":
        return None
    found = conditions(present).get(READY_CONDITION[kind])
    if found is None:
        return "not reconciled yet"
    return None if found.get("status") == "True" else ": ".join(filter(None, (found.get("reason"), found.get("message")))) or "not ready yet"


def _unready_workload(present: Object) -> str | None:
    """As `kubectl rollout status` decides: all pods are of this generation and available."""
    status = present.get("status") or {}
    if status.get("observedGeneration") != present["metadata"].get("generation"):
        return "not reconciled yet"
    if present["kind"] == "DaemonSet":
        count, updated, ready = (status.get(name) or 0 for name in ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable"))
    else:
        count = (present.get("spec") or {}).get("replicas", 1)
        updated, ready = (status.get(name) or 0 for name in ("updatedReplicas", "availableReplicas"))
    return None if min(updated, ready) >= count else f"{min(updated, ready)} of {count} pods are ready"


def unready_dispatchers(cluster: ClusterApi, items: Iterable[Object]) -> list[tuple[Object, str]]:
    """The Triggers among `items` that have a dispatcher without an available pod, and why.

    eventing-rabbitmq calls a Trigger ready as soon as it has made the Deployment: without room on a node, no message is delivered. The Triggers
    of the one-machine Knative have no Deployment.
    """
    triggers = [item for item in items if item["kind"] == "Trigger"]
    if not triggers or not cluster.has("apps/v1", "Deployment"):
        return []
    scopes = {(item["metadata"].get("namespace"), item["spec"]["broker"]) for item in triggers}
    found = {
        (namespace, each["metadata"]["name"]): {"kind": "Deployment", **each}
        for namespace, broker in scopes
        for each in cluster.find("apps/v1", "Deployment", namespace, DISPATCHERS.format(broker=broker))
    }
    dispatchers = [(item, found.get((item["metadata"].get("namespace"), DISPATCHER.format(trigger=item["metadata"]["name"])))) for item in triggers]
    return [(item, f"its dispatcher: {reason}") for item, each in dispatchers if each is not None and (reason := _unready_workload(each)) is not None]


def pods_of(cluster: ClusterApi, item: Object) -> list[Object]:
    """Pods of a workload, the newest first; of a Trigger, those of its dispatcher."""
    name, namespace = item["metadata"]["name"], item["metadata"].get("namespace")
    label = {"Job": f"job-name={name}", "Service": f"serving.knative.dev/service={name}"}.get(item["kind"])
    if label is None and item["kind"] in ("DaemonSet", "Deployment", "StatefulSet"):
        label = ",".join(f"{key}={value}" for key, value in item["spec"]["selector"].get("matchLabels", {}).items())
    if item["kind"] == "Trigger":
        label = DISPATCHERS.format(broker=item["spec"]["broker"])
    if not label:
        return []
    pods = cluster.find("v1", "Pod", namespace, label)
    if item["kind"] == "Trigger":
        pods = [each for each in pods if each["metadata"]["name"].startswith(f"{DISPATCHER.format(trigger=name)}-")]
    return sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp")), reverse=True)


def reason_of_pods(pods: Iterable[Object]) -> str | None:
    """What keeps the first pod that does not run: an image, a missing Secret, no room, a crash. None when nothing can be seen."""
    for pod in pods:
        status = pod.get("status") or {}
        for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
            state = container.get("state") or {}
            if (waiting := state.get("waiting")) and waiting.get("reason") in HOPELESS:
                return _with_message(waiting) + _last_end(container)
            if (ended := state.get("terminated")) and ended.get("exitCode"):
                return f"exit code {ended['exitCode']}{_detail(ended)}"
        scheduled = {each["type"]: each for each in status.get("conditions") or ()}.get("PodScheduled", {})
        if scheduled.get("status") == "False":
            return _with_message(scheduled)
    return None


def log_of(cluster: ClusterApi, pods: Iterable[Object]) -> list[str]:
    """The last lines of the newest pod that has a log."""
    for pod in pods:
        try:
            text = cluster.core.read_namespaced_pod_log(pod["metadata"]["name"], pod["metadata"]["namespace"], tail_lines=LOG_LINES)
        except ApiException:
            continue  # it has not started, or has ended and been removed
        if text:
            return str(text).splitlines()[-LOG_LINES:]
    return []


def _with_message(state: Object) -> str:
    return f"{state.get('reason')}: {state.get('message')}" if state.get("message") else str(state.get("reason"))


def _last_end(container: Object) -> str:
    ended = (container.get("lastState") or {}).get("terminated")
    return f"; last exit code {ended.get('exitCode')}{_detail(ended)}" if ended else ""


def _detail(ended: Object) -> str:
    text = str(ended.get("message") or "").strip()
    return f": {text[-300:]}" if text else ""
