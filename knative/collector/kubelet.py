"""CPU and memory of pods from the kubelet's endpoint /metrics/resource (pure), which metrics-server reads too.

The account needs `get` on nodes/metrics. /stats/summary has the same figures; the way over the API server (nodes/proxy) would also allow to
run commands in every container of the node.

Source: Kubernetes, pkg/kubelet/metrics/collectors/resource_metrics.go.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from knative.collector.prometheus_text import samples
from knative.collector.tailer import SIDECARS

PATH = "/metrics/resource"
MAX_TEXT_BYTES = 16 << 20
CPU, MEMORY, STARTED = "container_cpu_usage_seconds_total", "container_memory_working_set_bytes", "container_start_time_seconds"

PodName = tuple[str, str]
"""Namespace and name."""


@dataclass(slots=True)
class ContainerUsage:
    """CPU since the container's start, memory now."""

    cpu_ms: float = 0.0
    memory_bytes: int = 0
    started: float = 0.0


@dataclass(frozen=True, slots=True)
class PodUsed:
    """The usage of a pod (`resources.Used`): a counter that never starts again, because it follows restarts of containers itself."""

    cpu_ms: float
    memory_bytes: int
    run: int = 0


def parse(text: str) -> dict[PodName, dict[str, ContainerUsage]]:
    """Return the usage of containers by pod, without sidecars. Raises ValueError for text in another format."""
    found: dict[PodName, dict[str, ContainerUsage]] = {}
    for name, labels, value in samples(text, (CPU, MEMORY, STARTED)):
        container = labels.get("container", "")
        if not container or container in SIDECARS or not 0 <= value < 1e15:
            continue
        usage = found.setdefault((labels.get("namespace", ""), labels.get("pod", "")), {}).setdefault(container, ContainerUsage())
        match name:
            case "container_cpu_usage_seconds_total":
                usage.cpu_ms = value * 1000
            case "container_memory_working_set_bytes":
                usage.memory_bytes = int(value)
            case "container_start_time_seconds":
                usage.started = value
    return found


@dataclass(slots=True)
class PodCounter:
    """The CPU time of a pod: of the containers that run, of those that have ended, and of former runs of both."""

    total_ms: float = 0.0
    containers: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Name → (start, CPU milliseconds) of its present run."""

    def add(self, usage: Mapping[str, ContainerUsage]) -> PodUsed:
        for name, each in usage.items():
            started, before_ms = self.containers.get(name, (each.started, 0.0))
            is_same_run = started == each.started and each.cpu_ms >= before_ms
            self.total_ms += each.cpu_ms - before_ms if is_same_run else each.cpu_ms
            self.containers[name] = (each.started, each.cpu_ms)
        return PodUsed(self.total_ms, sum(each.memory_bytes for each in usage.values()))

    def skip(self, usage: Mapping[str, ContainerUsage]) -> None:
        """Count from here on, not from the start of the containers."""
        self.containers = {name: (each.started, each.cpu_ms) for name, each in usage.items()}
