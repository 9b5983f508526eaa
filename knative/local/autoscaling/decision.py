"""How many pods metrics ask for: the algorithm of Kubernetes' HorizontalPodAutoscaler. Pure.

Source: Kubernetes, "Horizontal Pod Autoscaling: Algorithm details", and pkg/controller/podautoscaler/replica_calculator.go (v1.34).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

TOLERANCE = 0.1
"""So far may the mean be from the target before anything changes (--horizontal-pod-autoscaler-tolerance)."""


class MetricUnavailable(Exception):
    """A metric cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class PodValue:
    """What a pod uses. `value`: None, not measured. `is_ready`: with a pod that only starts the number does not rise."""

    value: float | None
    is_ready: bool = True


@dataclass(frozen=True, slots=True)
class Proposal:
    replicas: int
    average: float
    """The value of the metric, as the mean of the pods."""


def by_pods(current: int, target: float, pods: Sequence[PodValue]) -> Proposal:
    """Return what the mean of the pods asks for (calcPlainMetricReplicas). Raises MetricUnavailable.

    Pods that are not measured count as 0 when the number would rise, and as the target when it would fall; pods that are not ready
    count as 0 when it would rise.
    """
    measured = [each.value for each in pods if each.value is not None and each.is_ready]
    unready = [each for each in pods if not each.is_ready]
    missing = [each for each in pods if each.is_ready and each.value is None]
    if not measured:
        raise MetricUnavailable("did not receive metrics for any ready pod")
    average = sum(measured) / len(measured)
    ratio = average / target
    has_unready = bool(unready) and ratio > 1
    if not has_unready and not missing:
        return Proposal(current if _is_tolerable(ratio) else math.ceil(round(ratio * len(measured), 6)), average)
    values = list(measured)
    if missing:
        values += [target if ratio < 1 else 0.0] * len(missing)
    if has_unready:
        values += [0.0] * len(unready)
    cautious = sum(values) / len(values) / target
    is_turned = (ratio < 1 < cautious) or (cautious < 1 < ratio)
    if _is_tolerable(cautious) or is_turned:
        return Proposal(current, average)
    count = math.ceil(round(cautious * len(values), 6))
    if (cautious < 1 and count > current) or (cautious > 1 and count < current):
        return Proposal(current, average)
    return Proposal(count, average)


def by_total(current: int, target: float, total: float) -> Proposal:
    """Return how many pods a total needs of which each takes `target` (GetExternalPerPodMetricReplicas)."""
    ratio = total / (target * current) if current else math.inf
    count = current if _is_tolerable(ratio) else math.ceil(round(total / target, 6))
    return Proposal(count, total / current if current else total)


def by_value(current: int, ready: int, target: float, value: float) -> Proposal:
    """Return what a value asks for that the pods bring to the target together (GetExternalMetricReplicas)."""
    ratio = value / target
    return Proposal(current if _is_tolerable(ratio) else math.ceil(round(ratio * ready, 6)), value)


def largest(current: int, proposals: Sequence[Proposal | MetricUnavailable]) -> int:
    """Return the number that the metrics ask for together. Raises MetricUnavailable.

    The largest counts. While one cannot be read, the number does not fall.
    """
    readable = [each.replicas for each in proposals if isinstance(each, Proposal)]
    failed = next((each for each in proposals if isinstance(each, MetricUnavailable)), None)
    if failed is not None and (not readable or max(readable) < current):
        raise failed
    return max(readable)


def _is_tolerable(ratio: float) -> bool:
    return abs(ratio - 1.0) <= TOLERANCE + 1e-9
