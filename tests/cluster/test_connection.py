"""An API that refuses: what passes is tried again, and an operator reads what to do about the rest."""

import threading
from typing import Any

import pytest
import urllib3
from kubernetes.dynamic.exceptions import ApiException

from knative.cluster import connection
from knative.cluster.connection import ClusterApi, remedy_of
from knative.machine.cluster import KubernetesApi
from knative.machine.problems import Problem
from tests.cluster import small


@pytest.mark.parametrize(("status", "text"), [(401, "administrator"), (403, "administrator"), (429, "Repeat"), (503, "Repeat")])
def test_a_busy_api_gets_the_same_again_and_not_with_another_account(status: int, text: str) -> None:
    assert text in remedy_of(ApiException(status=status, reason="storage is (re)initializing"))


class Applied(list[str]):
    """Objects that arrived, after as many refusals as there are."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *refusals: Exception) -> None:
        self.refusals = list(refusals)
        self.now = 0.0
        monkeypatch.setattr(KubernetesApi, "_resource", lambda *_: None)
        monkeypatch.setattr(KubernetesApi, "_apply", lambda _, item, manager, is_dry_run: self.arrive(item))
        monkeypatch.setattr(connection, "time", self)

    def arrive(self, item: dict[str, Any]) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.append(item["metadata"]["name"])

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def apply(*names: str) -> int:
    return ClusterApi.__new__(ClusterApi).apply([small.trigger(name) for name in names], "test")


def test_a_webhook_that_starts_and_a_busy_api_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = urllib3.exceptions.ProtocolError("Connection aborted.")
    busy, stopping = small.refusal(429, "storage is (re)initializing"), small.refusal(503, "shutting down")
    applied = Applied(monkeypatch, small.refusal(500, small.STARTING), busy, lost, stopping)
    assert apply("a", "b") == 2 and set(applied) == {"a", "b"} and applied.now == 4 * connection.PAUSE_SECONDS


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, 'admission webhook "validation" denied the request: must not set the field(s)'),
        (403, 'admission webhook "quota" denied the request'),
        (422, "Invalid value"),
        (500, "Internal error occurred: something else"),
    ],
)
def test_what_is_denied_is_denied_at_once(monkeypatch: pytest.MonkeyPatch, status: int, message: str) -> None:
    applied = Applied(monkeypatch, small.refusal(status, message))
    with pytest.raises(Problem, match="refused Trigger a") as problem:
        apply("a")
    assert message in problem.value.message and not applied and applied.now == 0


def test_a_webhook_that_never_starts_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    applied = Applied(monkeypatch, *[small.refusal(500, small.STARTING)] * 1000)
    with pytest.raises(Problem, match="https://w"):
        apply("a")
    assert connection.PATIENCE_SECONDS < applied.now < 2 * connection.PATIENCE_SECONDS


def test_objects_are_applied_some_at_a_time_and_what_builds_on_another_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    applied = Applied(monkeypatch)
    together = threading.Barrier(connection.AT_ONCE, timeout=10)

    def arrive(item: dict[str, Any]) -> None:
        if item["kind"] == "Trigger":
            together.wait()
        applied.append(f"{item['kind']} {item['metadata']['name']}")

    applied.arrive = arrive  # type: ignore[method-assign]
    triggers = [small.trigger(f"t-{number}") for number in range(connection.AT_ONCE * 2)]
    jobs = [small.job(f"j-{number}") for number in range(5)]
    assert ClusterApi.__new__(ClusterApi).apply([small.namespace(), *triggers, *jobs], "test") == len(triggers) + 6
    assert applied[0] == "Namespace capsule" and applied[-5:] == [f"Job j-{number}" for number in range(5)]
    assert sorted(applied[1:-5]) == sorted(f"Trigger t-{number}" for number in range(len(triggers)))
