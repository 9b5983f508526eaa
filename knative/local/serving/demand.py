"""How many pods the load of one revision asks for, by its metric: requests in flight, requests per second, or what its pods use.

Knative's own autoscaler (class kpa) counts requests. The class hpa leaves CPU and memory to a HorizontalPodAutoscaler, whose algorithm decides here
too: every 15 s, and for one pod at least.

Source: Knative, "Supported autoscaler types" and "Configuring metrics"; serving, pkg/reconciler/autoscaling/hpa/resources/hpa.go.
"""

import asyncio
import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from knative.local.autoscaling.behavior import Behavior, History
from knative.local.autoscaling.decision import MetricUnavailable, PodValue, by_pods
from knative.local.autoscaling.pod_usage import PodMeasurement, PodUsage
from knative.local.objects import Object
from knative.local.quantities import parse_quantity
from knative.local.serving.autoscaler import PANIC_WINDOW_FRACTION, ConcurrencyMeter, Load, Metric, Scale, desired_pods
from knative.local.serving.pods.pod import Pod
from knative.local.serving.rate_meter import RateMeter

SYNC_SECONDS = 15.0
MIB = 1 << 20
MAX_PODS = 1000
"""Without max-scale."""


class Demand:
    """`usage`: of the pods of this machine."""

    def __init__(self, revision: Object, defaults: Mapping[str, str], usage: PodUsage) -> None:
        self._loop = asyncio.get_running_loop()
        self._usage = usage
        self.rescale(revision, defaults)
        self.meter = ConcurrencyMeter(self.scale.window_seconds, self._loop.time())
        self._arrivals = RateMeter(self.scale.window_seconds, self._loop.time())
        self._recent: list[tuple[float, int]] = []
        """(time, pods): falling numbers of the last `scale-down-delay`."""
        self._history, self._decided, self._decided_at = History(), 1, float("-inf")

    def rescale(self, revision: Object, defaults: Mapping[str, str]) -> None:
        """Read the scale settings. `defaults`: ConfigMap config-autoscaler."""
        spec, annotations = revision["spec"], revision["metadata"].get("annotations") or {}
        self._requested_cores = _requested_cores(spec)
        self.scale = Scale.of(annotations, int(spec.get("containerConcurrency") or 0), defaults)

    def begin(self) -> None:
        """Count a request that has come."""
        now = self._loop.time()
        self.meter.change(+1, now)
        if self.scale.metric is Metric.RPS:
            self._arrivals.count(now)

    def end(self) -> None:
        """Count a request that has ended, or was given up."""
        self.meter.change(-1, self._loop.time())

    def touch(self) -> None:
        """Count from now on as if a request had just ended."""
        self.meter.last_ended_at = self._loop.time()

    def desired_pods(self, pods: Collection[Pod], in_flight: int, waiting: int, *, is_reachable: bool) -> int:
        """`pods`: those that run. `is_reachable`: whether a Route leads to the revision; otherwise only its requests keep pods."""
        now, scale = self._loop.time(), self.scale
        if scale.metric in (Metric.CPU, Metric.MEMORY) and is_reachable and pods:
            return self._by_usage(pods, now)
        meter = self._arrivals if scale.metric is Metric.RPS else self.meter
        load = Load(
            pods=len(pods),
            stable=meter.mean(scale.window_seconds, now),
            panic=meter.mean(scale.window_seconds * PANIC_WINDOW_FRACTION, now),
            in_flight=in_flight,
            waiting=waiting,
            idle_seconds=self.meter.idle_seconds(now),
        )
        if not is_reachable:
            return desired_pods(replace(scale, min_pods=0), load)
        return self._delay(desired_pods(scale, load), now)

    def _delay(self, count: int, now: float) -> int:
        """Return the largest number of the last `scale-down-delay` (serving, pkg/autoscaler/scaling/autoscaler.go, delayWindow)."""
        if not self.scale.down_delay_seconds:
            return count
        while self._recent and self._recent[0][0] < now - self.scale.down_delay_seconds:
            del self._recent[0]
        while self._recent and self._recent[-1][1] <= count:
            self._recent.pop()
        self._recent.append((now, count))
        return self._recent[0][1]

    def _by_usage(self, pods: Collection[Pod], now: float) -> int:
        low, high = max(self.scale.min_pods, 1), self.scale.max_pods or MAX_PODS
        if now - self._decided_at < SYNC_SECONDS:
            return min(max(self._decided, low), high)
        self._decided_at = now
        measured = self._usage.measure()
        values = [self._value(measured.get(each.uid), is_ready=each.state.is_ready) for each in pods]
        try:
            proposed = by_pods(len(pods), self._goal(), values).replicas
        except MetricUnavailable:  # pods that have just started: the next look has their CPU
            proposed = len(pods)
        self._decided = self._history.next_count(len(pods), proposed, self._behavior(), low, high, now)
        return self._decided

    def _behavior(self) -> Behavior:
        window = {"stabilizationWindowSeconds": self.scale.window_seconds}
        return Behavior.of({"behavior": {"scaleUp": window, "scaleDown": window}} if self.scale.has_own_window else {})

    def _value(self, measured: PodMeasurement | None, *, is_ready: bool) -> PodValue:
        if self.scale.metric is Metric.MEMORY:
            return PodValue(measured.memory_bytes if measured else None)
        return PodValue(measured.cpu_cores if measured else None, is_ready)

    def _goal(self) -> float:
        """The target is MiB of memory, or percent of the CPU that a pod requests."""
        if self.scale.metric is Metric.MEMORY:
            return self.scale.target * MIB
        return max(self.scale.target / 100 * self._requested_cores, 0.001)


def _requested_cores(spec: Mapping[str, Any]) -> float:
    """CPU requests of all containers; without any, a whole CPU."""
    requests = [((each.get("resources") or {}).get("requests") or {}).get("cpu", 0) for each in spec["containers"]]
    return math.fsum(float(parse_quantity(each)) for each in requests) or 1.0
