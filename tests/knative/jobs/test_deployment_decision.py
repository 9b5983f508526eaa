"""Which pods of a Deployment start and end."""

from typing import Any

from knative.local.deployments.decision import ENDING_PAUSE_SECONDS, Plan, PodFact, decide

NOW = 100.0


def old(name: str, ready_at: float | None = 1.0) -> PodFact:
    return PodFact(name, False, ready_at)


def new(name: str, ready_at: float | None = 90.0) -> PodFact:
    return PodFact(name, True, ready_at)


def plan(*pods: PodFact, ending: int = 0, **spec: Any) -> Plan:
    return decide(spec, pods, ending, NOW)


RECREATE = {"type": "Recreate"}


def test_it_starts_and_stops_pods_until_there_are_enough() -> None:
    assert plan(replicas=2) == Plan(start=2)
    assert plan(new("a", 50.0), new("b", 60.0), new("c", None), replicas=1) == Plan(stop=("c", "b"))
    assert plan(new("a"), replicas=0) == Plan(stop=("a",))


def test_recreate_ends_the_old_pods_before_it_starts_new_ones() -> None:
    assert plan(old("a"), old("b"), replicas=2, strategy=RECREATE) == Plan(stop=("a", "b"))
    assert plan(ending=2, replicas=2, strategy=RECREATE) == Plan(wait_seconds=ENDING_PAUSE_SECONDS)
    assert plan(replicas=2, strategy=RECREATE) == Plan(start=2)


def test_a_rolling_update_keeps_what_is_available() -> None:
    assert plan(old("a"), replicas=1) == Plan(start=1)
    assert plan(old("a"), new("b", None), replicas=1) == Plan()
    assert plan(old("a"), new("b"), replicas=1) == Plan(stop=("a",))


def test_a_pod_is_available_after_its_min_ready_seconds() -> None:
    assert plan(old("a"), new("b", 95.0), replicas=1, minReadySeconds=20) == Plan(wait_seconds=15.0)
    assert plan(old("a"), new("b", 80.0), replicas=1, minReadySeconds=20) == Plan(stop=("a",))


def test_old_pods_that_are_not_ready_go_first() -> None:
    assert plan(old("a"), old("b", None), new("c", None), replicas=2, strategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}).stop == ("b",)


def test_an_update_that_may_neither_exceed_nor_miss_a_pod_ends_one() -> None:
    none = {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}
    assert plan(old("a"), old("b"), replicas=2, strategy=none).stop == ("a",)
