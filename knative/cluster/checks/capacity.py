"""Whether the nodes have room for what the overlay always runs: CPU, memory and pods.

Always running are the pods of Services with a min-scale, one dispatcher for each Trigger, one ingress for each Broker, one receive adapter for each
ApiServerSource, and Deployments. Functions at zero need room for those that run at the same time; `BURST` of them are counted.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from kubernetes.utils.quantity import parse_quantity

from knative.cluster.connection import ClusterApi
from knative.cluster.overlay import Object, Overlay, pod_spec
from knative.machine.cluster import conditions
from knative.machine.doctor.finding import Finding, Level
from knative.machine.installation_objects import NAMESPACE

BURST = 20
"""Functions that run at the same time beside the ones that always run."""
MIN_SCALE = "autoscaling.knative.dev/min-scale"
DISPATCHER = "rabbitmq.eventing.knative.dev/"
QUEUE_PROXY_CPU = Decimal("0.025")
"""The default of config-deployment, queue-sidecar-cpu-request."""
RABBITMQ_DEFAULTS = {"cpu": "1", "memory": "2Gi"}
"""What the cluster operator requests for a node of RabbitMQ that names nothing else."""
GIB = Decimal(1 << 30)


@dataclass(frozen=True)
class Need:
    """CPU in cores, memory in bytes, number of pods."""

    cpu: Decimal = Decimal(0)
    memory: Decimal = Decimal(0)
    pods: int = 0

    def __add__(self, other: "Need") -> "Need":
        return Need(self.cpu + other.cpu, self.memory + other.memory, self.pods + other.pods)

    def __sub__(self, other: "Need") -> "Need":
        return Need(self.cpu - other.cpu, self.memory - other.memory, self.pods - other.pods)

    def times(self, count: int) -> "Need":
        return Need(self.cpu * count, self.memory * count, self.pods * count)

    def __str__(self) -> str:
        return f"{self.cpu:.1f} CPU, {self.memory / GIB:.1f} GiB, {self.pods} pods"


def check(cluster: ClusterApi, overlay: Overlay) -> Iterator[Finding]:
    nodes = cluster.listed("v1", "Node")
    if not nodes:
        yield Finding("capacity", Level.NOTE, f"not checked: the API names no nodes. The overlay needs {always_on(overlay, 1)}.")
        return
    pods = [each for each in cluster.listed("v1", "Pod") if each["metadata"]["namespace"] != NAMESPACE]
    yield from capacity_findings(nodes, pods, overlay)


def capacity_findings(nodes: list[Object], others: Iterable[Object], overlay: Overlay) -> Iterator[Finding]:
    """`others`: pods that are not the platform's."""
    usable = [each for each in nodes if is_usable(each)]
    if not usable:
        yield Finding("capacity", Level.FAULT, f"none of {len(nodes)} nodes is ready and schedulable", "kubectl get nodes")
        return
    free = sum((_allocatable(each) for each in usable), Need()) - sum((_used(each) for each in others), Need())
    idle = always_on(overlay, len(usable))
    peak = idle + burst(overlay)
    details = (f"free on {len(usable)} nodes: {free}", f"always running: {idle}", f"with {BURST} functions at work: {peak}")
    for need, level, what in ((idle, Level.FAULT, "what always runs"), (peak, Level.WARNING, f"what always runs and {BURST} functions at work")):
        if lacking := _lacking(free, need):
            remedy = "Add a node, or one Service and Trigger per context: components: [../../components/grouped]"
            yield Finding("capacity", level, f"too little room for {what}: {', '.join(lacking)}", remedy, details)
            return
    yield Finding("capacity", Level.GOOD, f"{idle} of {free} that are free", details=details)


def always_on(overlay: Overlay, node_count: int) -> Need:
    """What runs without a request. `node_count`: of nodes that run DaemonSets."""
    total = Need()
    for item in overlay.objects:
        total += _always_on(item, node_count)
    return total


def burst(overlay: Overlay) -> Need:
    """The BURST largest functions that are at zero."""
    at_zero = sorted((_pod_need(each) for each in overlay.services if min_scale(each) == 0), key=lambda need: need.memory, reverse=True)
    return sum(at_zero[:BURST], Need())


def _always_on(item: Object, node_count: int) -> Need:
    spec, annotations = item.get("spec") or {}, item["metadata"].get("annotations") or {}
    match item["kind"]:
        case "Service" if item["apiVersion"].startswith("serving.knative.dev/"):
            return _pod_need(item).times(min_scale(item))
        case "Trigger" | "Broker":
            return Need(_quantity(annotations.get(f"{DISPATCHER}cpu-request")), _quantity(annotations.get(f"{DISPATCHER}memory-request")), 1)
        case "ApiServerSource":
            return Need(pods=1)
        case "Deployment" | "StatefulSet":
            return _pod_need(item).times(spec.get("replicas", 1))
        case "DaemonSet":
            return _pod_need(item).times(node_count)
        case "RabbitmqCluster":
            return _of_requests({**RABBITMQ_DEFAULTS, **(spec.get("resources") or {}).get("requests", {})}).times(spec.get("replicas", 1))
        case "Cluster":
            return _of_requests((spec.get("resources") or {}).get("requests", {})).times(spec.get("instances", 1))
        case "Pooler":
            return Need(pods=spec.get("instances", 1))
    return Need()


def _pod_need(item: Object) -> Need:
    """One pod of a workload. Each pod of a Knative Service has a queue-proxy too."""
    pod = pod_spec(item) or {}
    total = sum((_of_requests((each.get("resources") or {}).get("requests", {})) for each in pod.get("containers", ())), Need())
    proxy = QUEUE_PROXY_CPU if item["kind"] == "Service" else Decimal(0)
    return Need(total.cpu + proxy, total.memory, 1)


def min_scale(service: Object) -> int:
    """Pods that a Knative Service always has."""
    annotations = service["spec"]["template"].get("metadata", {}).get("annotations") or {}
    return int(annotations.get(MIN_SCALE, 0))


def _of_requests(requests: Mapping[str, Any]) -> Need:
    return Need(_quantity(requests.get("cpu")), _quantity(requests.get("memory")), 1)


def is_usable(node: Object) -> bool:
    """Whether the node is ready and open to pods without tolerations."""
    taints = (node.get("spec") or {}).get("taints") or ()
    is_open = not (node.get("spec") or {}).get("unschedulable") and not any(each["effect"] in ("NoSchedule", "NoExecute") for each in taints)
    return is_open and conditions(node).get("Ready", {}).get("status") == "True"


def _allocatable(node: Object) -> Need:
    found = (node.get("status") or {}).get("allocatable") or {}
    return Need(_quantity(found.get("cpu")), _quantity(found.get("memory")), int(found.get("pods", 110)))


def _used(pod: Object) -> Need:
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return Need()
    containers = (pod.get("spec") or {}).get("containers") or ()
    total = sum((_of_requests((each.get("resources") or {}).get("requests") or {}) for each in containers), Need())
    return Need(total.cpu, total.memory, 1)


def _lacking(free: Need, need: Need) -> list[str]:
    found = []
    if need.cpu > free.cpu:
        found.append(f"{need.cpu:.1f} CPU requested, {free.cpu:.1f} free")
    if need.memory > free.memory:
        found.append(f"{need.memory / GIB:.1f} GiB requested, {free.memory / GIB:.1f} free")
    if need.pods > free.pods:
        found.append(f"{need.pods} pods, {free.pods} free")
    return found


def _quantity(text: Any) -> Decimal:
    return Decimal(parse_quantity(str(text))) if text else Decimal(0)
