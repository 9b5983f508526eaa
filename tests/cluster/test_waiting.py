"""`apply` waits for many objects: as long as more of them become ready, and with pauses that grow with what a poll reads."""

from typing import Any, cast

import pytest

from knative.cluster import readiness, rollout
from knative.cluster.connection import ClusterApi
from knative.machine.problems import Problem
from tests.cluster import small


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class Dispatchers:
    """A cluster in which one Trigger more is ready every `every` seconds, up to `most`. Each list takes `takes` seconds."""

    def __init__(self, clock: Clock, names: list[str], every: float, most: int, takes: float = 0.0) -> None:
        self.clock, self.names, self.every, self.most, self.takes = clock, names, every, most, takes
        self.pods: list[dict[str, Any]] = []
        self.available_at: float | None = None  # when the dispatchers have pods; None: Triggers without Deployments

    def has(self, api_version: str, kind: str) -> bool:
        return self.available_at is not None

    def _deployment(self, name: str) -> dict[str, Any]:
        pods = 1 if self.available_at is not None and self.clock.now >= self.available_at else 0
        return {"metadata": {"name": f"{name}-dispatcher"}, "spec": {"replicas": 1}, "status": {"updatedReplicas": 1, "availableReplicas": pods}}

    def find(self, api_version: str, kind: str, namespace: str | None = None, labels: str | None = None) -> list[dict[str, Any]]:
        assert labels == "eventing.knative.dev/broker=capsule,eventing.knative.dev/brokerRole=dispatcher"
        return self.pods if kind == "Pod" else [self._deployment(name) for name in self.names]

    def read(self, api_version: str, kind: str, namespace: str | None = None) -> list[dict[str, Any]]:
        self.clock.now += self.takes
        ready = min(int(self.clock.now // self.every), self.most)
        return [
            {**small.trigger(name), "status": {"conditions": [{"type": "Ready", "status": "True" if number < ready else "Unknown"}]}}
            for number, name in enumerate(self.names)
        ]

    @property
    def core(self) -> "Dispatchers":
        return self

    def read_namespaced_pod_log(self, name: str, namespace: str, tail_lines: int) -> str:
        return f"last line of {namespace}/{name}"

    def as_cluster(self) -> ClusterApi:
        return cast(ClusterApi, self)


NAMES = [f"trigger-{number:02}" for number in range(40)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(rollout, "time", found)
    return found


def wait(cluster: Dispatchers, timeout_seconds: float) -> list[int]:
    counts: list[int] = []
    rollout.wait(cluster.as_cluster(), [small.trigger(name) for name in NAMES], timeout_seconds, lambda ready, _: counts.append(ready))
    return counts


def test_the_time_begins_anew_with_each_that_is_ready(clock: Clock) -> None:
    assert wait(Dispatchers(clock, NAMES, every=50, most=40), timeout_seconds=60)[-1] == 40
    assert clock.now >= 2000, "far longer than the timeout of one"


def test_a_ready_trigger_is_waited_for_until_its_dispatcher_has_a_pod(clock: Clock) -> None:
    cluster = Dispatchers(clock, NAMES, every=1, most=40)
    cluster.available_at = 100
    counts = wait(cluster, timeout_seconds=200)
    assert clock.now >= 100
    assert (max(counts[:-1]), counts[-1]) == (39, 40)


def test_ready_triggers_without_dispatchers_are_named(clock: Clock) -> None:
    cluster = Dispatchers(clock, NAMES, every=1, most=40)
    cluster.available_at = 1e9
    with pytest.raises(Problem, match="trigger-00: its dispatcher: 0 of 1 pods are ready"):
        wait(cluster, timeout_seconds=60)


def test_what_stays_behind_is_named_with_the_reason_of_its_dispatcher(clock: Clock) -> None:
    cluster = Dispatchers(clock, NAMES, every=5, most=30)
    unscheduled = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available: 1 Too many pods."}]
    cluster.pods = [
        {
            "metadata": {"name": f"{name}-dispatcher-5d9c-{name[-2:]}", "namespace": "capsule"},
            "status": {"conditions": unscheduled if name == "trigger-30" else []},
        }
        for name in NAMES
    ]
    with pytest.raises(Problem) as problem:
        wait(cluster, timeout_seconds=60)
    assert "trigger-30" in problem.value.message and "Too many pods" in problem.value.message and "2 more" in problem.value.message
    assert "last line of capsule/trigger-30-dispatcher-5d9c-30" in problem.value.message
    assert clock.now == pytest.approx(150 + 60, abs=5), "60 s after the last one"


def test_a_long_list_is_read_less_often(clock: Clock) -> None:
    wait(Dispatchers(clock, NAMES, every=5, most=40, takes=2), timeout_seconds=60)
    assert min(clock.pauses) >= 6, "three times as long as the poll took"
    quick = Clock()
    clock.pauses, clock.now = quick.pauses, 0.0
    wait(Dispatchers(clock, NAMES, every=1, most=40), timeout_seconds=60)
    assert set(clock.pauses) == {rollout.POLL_SECONDS}


def test_a_trigger_has_the_pods_of_its_dispatcher() -> None:
    cluster = Dispatchers(Clock(), NAMES, every=1, most=0)
    cluster.pods = [{"metadata": {"name": f"{name}-dispatcher-5d9c-x"}} for name in ("login", "login-page")]
    assert [each["metadata"]["name"] for each in readiness.pods_of(cluster.as_cluster(), small.trigger("login"))] == ["login-dispatcher-5d9c-x"]
