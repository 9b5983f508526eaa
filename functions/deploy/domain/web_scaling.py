"""By what the instances of `web` scale: requests in flight, requests per second, or what an instance uses. Knative carries it out."""

import math
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from functions.kernel import FieldError

PREFIX = "autoscaling.knative.dev/"
REQUESTED_CPU_MILLIS = 50
"""What each instance requests of the cluster. Kubernetes relates a percentage of CPU to it."""


class WebMetric(StrEnum):
    CONCURRENCY = "concurrency"
    """Requests in flight in one instance."""
    RPS = "rps"
    """Requests per second to one instance."""
    CPU = "cpu"
    """Percent of the CPU that an instance may use."""
    MEMORY = "memory"
    """Percent of the memory that an instance may use."""


TARGETS = {
    WebMetric.CONCURRENCY: range(1, 1000 + 1),
    WebMetric.RPS: range(1, 10_000 + 1),
    WebMetric.CPU: range(1, 100 + 1),
    WebMetric.MEMORY: range(1, 100 + 1),
}


USED = (WebMetric.CPU, WebMetric.MEMORY)
WINDOW_SECONDS, DELAY_SECONDS = range(6, 3600 + 1), range(3600 + 1)
"""Source: Knative serving, pkg/apis/autoscaling/annotation_validation.go."""


def errors(metric: WebMetric, target: int | None, min_scale: int) -> Iterator[FieldError]:
    allowed = TARGETS[metric]
    if target is None:
        if metric is not WebMetric.CONCURRENCY:
            yield FieldError("/scaleTarget", f"{metric} needs a target: {metric}={allowed.start}–{allowed.stop - 1}")
    elif target not in allowed:
        yield FieldError("/scaleTarget", f"{metric}={target}: use {allowed.start}–{allowed.stop - 1}")
    if metric in USED and not min_scale:
        detail = "min instances 0: nothing uses CPU or memory at zero, so the first request could start nothing. Use min 1, or concurrency or rps"
        yield FieldError("/minScale", f"{detail} for an application that sleeps")


def pace_errors(metric: WebMetric, window: int | None, delay: int, initial: int, max_scale: int) -> Iterator[FieldError]:
    """`window`, `delay`: in seconds."""
    if window is not None and window not in WINDOW_SECONDS:
        yield FieldError("/scaleWindowSeconds", f"window of {window} s: use {_bounds(WINDOW_SECONDS)}, or 0 for the installation's default")
    if delay not in DELAY_SECONDS:
        yield FieldError("/scaleDownDelaySeconds", f"delay of {delay} s before instances end: use {_bounds(DELAY_SECONDS)}")
    elif delay and metric in USED:
        yield FieldError("/scaleDownDelaySeconds", f"{metric} has no delay before instances end: set the window instead")
    if not 1 <= initial <= max_scale:
        yield FieldError("/initialScale", f"initial instances {initial}: use 1–{max_scale} (max instances)")


def pace_annotations(window: int | None, delay: int, initial: int) -> dict[str, Any]:
    """Return how fast a revision follows its load. A release must start once, even where the cluster's default is 0."""
    return {
        f"{PREFIX}initial-scale": str(initial),
        **({f"{PREFIX}window": f"{window}s"} if window is not None else {}),
        **({f"{PREFIX}scale-down-delay": f"{delay}s"} if delay else {}),
    }


def _bounds(allowed: range) -> str:
    return f"{allowed.start}–{allowed.stop - 1}"


def annotations(metric: WebMetric, target: int | None, *, cpu_millis: int, memory_mib: int) -> dict[str, Any]:
    """Return what a revision's template says; nothing without a target: the installation's default of requests in flight counts."""
    if target is None:
        return {}
    match metric:
        case WebMetric.CONCURRENCY | WebMetric.RPS:
            # of the target itself, not 70 % of it
            return {f"{PREFIX}metric": str(metric), f"{PREFIX}target": str(target), f"{PREFIX}target-utilization-percentage": "100"}
        case WebMetric.CPU:
            scaled = math.ceil(cpu_millis * target / REQUESTED_CPU_MILLIS)
        case WebMetric.MEMORY:
            scaled = max(memory_mib * target // 100, 1)
    return {f"{PREFIX}class": "hpa.autoscaling.knative.dev", f"{PREFIX}metric": str(metric), f"{PREFIX}target": str(scaled)}
