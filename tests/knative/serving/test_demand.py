"""By what a revision scales: its annotations, requests per second, and what its pods use."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from knative.local.api import serving_rules
from knative.local.autoscaling.pod_usage import PodUsage
from knative.local.serving.autoscaler import Load, Metric, Scale, desired_pods
from knative.local.serving.demand import Demand
from knative.local.serving.pods.usage import Usage
from knative.local.serving.rate_meter import RateMeter

PREFIX = "autoscaling.knative.dev/"
HPA = "hpa.autoscaling.knative.dev"


def annotations(**values: str) -> dict[str, str]:
    return {PREFIX + name.replace("_", "-"): value for name, value in values.items()}


def test_requests_per_second_are_averaged_over_the_window() -> None:
    meter = RateMeter(60, 100.0)
    for second in range(10):
        for _ in range(20):
            meter.count(100.0 + second)
    assert meter.mean(6, 110.0) == pytest.approx(20, rel=0.1)
    assert meter.mean(60, 110.0) == pytest.approx(20, rel=0.1), "since it was created"
    assert meter.mean(60, 160.0) == pytest.approx(200 / 60, rel=0.1)
    assert meter.mean(60, 300.0) == 0


def test_requests_per_second_ask_for_pods_and_a_request_that_waits_for_one() -> None:
    scale = Scale.of(annotations(metric="rps", target="50", target_utilization_percentage="100", max_scale="5"), 0, {})
    assert (scale.metric, scale.target) == (Metric.RPS, 50.0)
    idle = Load(pods=0, stable=0, panic=0, in_flight=0, waiting=0, idle_seconds=1000)
    assert desired_pods(scale, idle) == 0
    assert desired_pods(scale, replace(idle, waiting=40)) == 1, "40 that wait are no rate"
    assert desired_pods(scale, replace(idle, pods=1, stable=120, panic=60, in_flight=1, idle_seconds=0)) == 3
    assert Scale.of(annotations(metric="rps"), 0, {}).target == pytest.approx(140), "Knative's default of 200, at 70 %"


@dataclass
class World:
    """A revision with pods whose usage a test sets."""

    annotations: dict[str, str]
    now: float = 0.0
    used: dict[str, tuple[float, int]] = field(default_factory=dict)

    def demand(self) -> Demand:
        resources = {"requests": {"cpu": "50m"}}
        revision: Any = {"metadata": {"annotations": self.annotations}, "spec": {"containers": [{"resources": resources}]}}
        usage = PodUsage(lambda: [({"metadata": {"uid": uid}}, Usage(1, *each)) for uid, each in self.used.items()], lambda: self.now)
        return Demand(revision, {}, usage)

    def decide(self, demand: Demand, *, is_reachable: bool = True) -> int:
        pods: Any = [SimpleNamespace(uid=uid, state=SimpleNamespace(is_ready=True)) for uid in self.used]
        demand._decided_at = float("-inf")
        return demand.desired_pods(pods, 0, 0, is_reachable=is_reachable)


async def test_cpu_is_percent_of_what_a_pod_requests() -> None:
    world = World(annotations(**{"class": HPA}, metric="cpu", target="1400", min_scale="1", max_scale="4"))
    demand, world.used = world.demand(), {"a": (0.0, 1)}
    assert world.decide(demand) == 1
    world.now, world.used = 15.0, {"a": (15 * 1400.0, 1)}  # 1.4 cores; the target is 0.7
    assert world.decide(demand) == 2
    assert world.decide(demand, is_reachable=False) == 1, "without a Route its requests alone keep it, for the window of the last one"


async def test_a_window_of_the_revision_replaces_the_stabilization_windows() -> None:
    demand = World(annotations(**{"class": HPA}, metric="memory", target="100", max_scale="4", window="30s")).demand()
    assert demand._behavior().down.window_seconds == demand._behavior().up.window_seconds == 30
    assert World(annotations(metric="rps")).demand()._behavior().down.window_seconds == 300


async def test_a_delay_keeps_the_largest_number_of_its_time() -> None:
    demand = World(annotations(metric="rps", target="10", scale_down_delay="60s")).demand()
    counts = [(0, 1), (10, 4), (20, 2), (50, 3), (69, 0), (71, 0), (111, 0), (131, 0)]
    assert [demand._delay(count, float(at)) for at, count in counts] == [1, 4, 4, 4, 4, 3, 0, 0]
    without = World(annotations(metric="rps", target="10")).demand()
    assert [without._delay(count, float(at)) for at, count in counts] == [count for _, count in counts]


async def test_memory_is_mebibytes_and_the_maximum_holds() -> None:
    world = World(annotations(**{"class": HPA}, metric="memory", target="100", max_scale="4"))
    demand, world.used = world.demand(), {"a": (0.0, 900 << 20)}
    assert world.decide(demand) == 4
    world.used = {"a": (0.0, 101 << 20)}
    world.now = 100.0
    assert world.decide(demand) == 1


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (annotations(metric="cpu", target="70"), "supported for class kpa.autoscaling.knative.dev: concurrency, rps"),
        (annotations(**{"class": HPA}, metric="rps", target="70"), "supported for class hpa.autoscaling.knative.dev: cpu, memory"),
        (annotations(**{"class": HPA}, metric="cpu"), "needs a target"),
        (annotations(metric="queue"), "supported here"),
        (annotations(**{"class": HPA}, metric="cpu", target="70", min_scale="1"), ""),
    ],
)
def test_a_metric_belongs_to_its_class(found: dict[str, str], message: str) -> None:
    service = {"metadata": {"name": "shop"}, "spec": {"template": {"metadata": {"annotations": found}}}}
    messages = [each.message for each in serving_rules.autoscaling(service)]
    assert any(message in each for each in messages) if message else not messages
