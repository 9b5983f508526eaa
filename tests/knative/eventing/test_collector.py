"""The collector: batches, silence at rest, the same message again when its confirm was lost, and what happens when more comes than can go."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from events.cluster import LogsCollected, RequestsMeasured, ResourcesMeasured
from knative.local.eventing import collector as collecting
from knative.local.eventing.collector import Collector
from knative.local.eventing.events import Event
from knative.local.eventing.ingress import Unpublished
from tests.knative.eventing.conftest import Machine, broker, trigger, until
from tests.knative.eventing.test_brokers import Make

CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "capsule-collector", "namespace": "test"}, "data": {"broker": "main"}}


def pod(collect: str = "true", name: str = "p-1", namespace: str = "app-x", service: str = "x-staging") -> dict[str, Any]:
    labels = {"capsule.dev/collect": collect, "app": "x", "serving.knative.dev/service": service}
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{namespace}-{name}", "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {"metadata": {**metadata, "labels": labels}}


def service(name: str = "x-staging") -> dict[str, Any]:
    return {"metadata": {**pod()["metadata"], "name": name}}


@dataclass(frozen=True)
class Used:
    run: int = 1
    cpu_ms: float = 0.0
    memory: int = 1000


class Pods:
    """What the kubelet would say."""

    def __init__(self, *running: tuple[dict[str, Any], Used]) -> None:
        self.running = list(running)

    def used(self) -> Iterator[tuple[dict[str, Any], Used]]:
        yield from self.running


class Broker:
    """Takes events, and can lose its confirms or be away."""

    def __init__(self) -> None:
        self.taken: list[Event] = []
        self.confirms = True
        self.away = False

    async def publish(self, namespace: str, name: str, event: Event, trace: Any = None) -> None:
        if self.away:
            raise Unpublished("away")
        self.taken.append(event)
        if not self.confirms:
            raise Unpublished("not confirmed in time")

    def data(self) -> list[dict[str, Any]]:
        return [json.loads(event.data) for event in self.taken]


@pytest.fixture
def sink() -> Broker:
    return Broker()


@pytest.fixture
def collector(sink: Broker) -> Collector:
    collector = Collector(sink)  # type: ignore[arg-type]
    collector.point("test", "main")
    return collector


async def test_lines_and_requests_reach_the_broker_in_batches(machine: Machine, subscriber: Make) -> None:
    sink = await subscriber()
    machine.apply(*broker(), trigger("all", sink.url), CONFIG)
    await machine.ready("Trigger.eventing.knative.dev", "all")
    collector = machine.eventing.collector
    collector.lines(pod("false"), "stdout", ["unseen"])
    for number in range(50):
        collector.lines(pod(), "stdout", [f"line {number}"])
        collector.request(service(), "x-staging-00001", 200, 0.01)
    await until(lambda: len(sink.seen) == 2)
    logs, requests = (json.loads(seen.body) for seen in sorted(sink.seen, key=lambda seen: seen.headers["ce-type"]))
    assert [entry["line"] for entry in logs["entries"]] == [f"line {number}" for number in range(50)]
    assert logs["entries"][0]["labels"]["app"] == "x"
    (window,) = requests["windows"]
    assert (window["service"], window["revision"], window["status"], window["count"]) == ("x-staging", "x-staging-00001", 200, 50)
    assert round(window["durationMsSum"]) == 500
    assert window["durations"]["buckets"] == {"53": 50}, "over 2^(53/16) = 9.93 ms, at most 10.37 ms"
    LogsCollected.model_validate(logs), RequestsMeasured.model_validate(requests)
    await asyncio.sleep(1.2)
    assert len(sink.seen) == 2, "nothing is sent at rest"


async def test_what_was_not_confirmed_goes_again_as_it_was_whatever_came_meanwhile(collector: Collector, sink: Broker) -> None:
    sink.confirms = False
    collector.lines(pod(), "stdout", ["one"])
    collector.request(service(), "r-1", 200, 0.01)
    assert not await collector._publish()
    collector.lines(pod(), "stdout", ["two"])
    collector.request(service(), "r-1", 200, 0.01)
    assert not await collector._publish()
    sink.confirms = True
    assert await collector._publish()
    assert await collector._publish()
    assert len(sink.taken) == 5
    logs = [event for event in sink.taken if event.get("type") == "logs.collected"]
    first, again, confirmed, later = logs
    assert first == again == confirmed and first.data == confirmed.data and later.get("id") != first.get("id")
    requests = [json.loads(event.data)["windows"][0]["count"] for event in sink.taken if event.get("type") == "requests.measured"]
    assert requests == [2], "what had not been sent yet is counted together"


async def test_a_request_batch_whose_confirm_was_lost_does_not_grow(collector: Collector, sink: Broker) -> None:
    sink.confirms = False
    collector.request(service(), "r-1", 200, 0.01)
    assert not await collector._publish()
    collector.request(service(), "r-1", 200, 0.01)
    sink.confirms = True
    assert await collector._publish() and await collector._publish()
    first, again, rest = sink.taken
    assert (first.get("id"), first.data) == (again.get("id"), again.data)
    assert json.loads(rest.data)["windows"][0]["count"] == 1 and rest.get("id") != first.get("id")


async def test_each_pods_log_says_how_many_of_its_lines_went_overboard(collector: Collector, sink: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "MOST_LINES", 100)
    monkeypatch.setattr(collecting, "MOST_NOTES", 2)
    for number in range(150):
        collector.lines(pod(), "stdout", [f"line {number}"])
        if number < 30:
            collector.lines(pod(name="p-2", namespace="app-y"), "stdout", [f"other {number}"])
        if number < 5:
            collector.lines(pod(name="p-3", namespace="app-z"), "stdout", [f"third {number}"])
    assert await collector._publish()
    entries = sink.data()[0]["entries"]
    notes = {entry["namespace"]: entry for entry in entries if entry["container"] == "collector"}
    assert {name: note["line"].split()[0] for name, note in notes.items()} == {"app-x": "50", "app-y": "30", "test": "5"}
    assert notes["app-y"]["pod"] == "p-2" and notes["app-y"]["labels"] == pod()["metadata"]["labels"]
    assert notes["test"]["labels"] == {}, "the platform's log, no tenant's"
    assert [entry["line"] for entry in entries if entry["container"] != "collector"] == [f"line {number}" for number in range(50, 150)]
    collector.lines(pod(), "stdout", ["after"])
    assert await collector._publish()
    assert [entry["line"] for entry in sink.data()[1]["entries"]] == ["after"], "it is said once"


async def test_the_oldest_go_overboard_and_that_is_said(machine: Machine, subscriber: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "MOST_LINES", 100)
    sink = await subscriber()
    machine.apply(CONFIG | {"data": {"broker": "not-there"}}, *broker(), trigger("all", sink.url))
    await machine.ready("Trigger.eventing.knative.dev", "all")
    collector = machine.eventing.collector
    await until(lambda: collector.is_pointed)
    for number in range(250):
        collector.lines(pod(), "stdout", [f"line {number}"])
    collector.request(service(), "r-1", 500, 1)
    await until(lambda: collector._outgoing[0]._frozen is not None)  # it tried, and there is no such Broker
    collector.request(service(), "r-1", 500, 1)
    machine.apply(CONFIG)
    await until(lambda: len(sink.seen) == 2)
    logs, requests = (json.loads(seen.body) for seen in sorted(sink.seen, key=lambda seen: seen.headers["ce-type"]))
    lines = [entry["line"] for entry in logs["entries"]]
    assert lines[0] == "150 older lines were dropped: more was written than could be sent"
    assert lines[1:] == [f"line {number}" for number in range(150, 250)]
    assert requests["windows"][0]["count"] == 2


async def resources(collector: Collector, sink: Broker) -> list[dict[str, Any]]:
    sink.taken.clear()
    await collector._publish()
    windows = [window for event in sink.taken for window in json.loads(event.data)["windows"] if event.get("type") == "resources.measured"]
    if windows:
        ResourcesMeasured.model_validate({"windows": windows})
    return windows


async def test_what_pods_used_is_told_while_they_work_and_adds_up(collector: Collector, sink: Broker) -> None:
    worker, idle = pod(name="worker"), pod(name="idle", namespace="app-y")
    pods = Pods((worker, Used(cpu_ms=400.6, memory=3000)), (idle, Used(cpu_ms=10)), (pod("false", "unseen"), Used(cpu_ms=9999)))
    collector.measure(pods)
    collector.sample(5.0)
    first = {window["pod"]: window for window in await resources(collector, sink)}
    assert {name: window["cpuMilliseconds"] for name, window in first.items()} == {"worker": 401, "idle": 10}
    assert first["worker"]["from"] == "2026-01-01T00:00:00Z" and first["worker"]["service"] == "x-staging"

    pods.running = [(worker, Used(cpu_ms=410, memory=9000)), (idle, Used(cpu_ms=11))]
    collector.sample(10.0)
    assert await resources(collector, sink) == [], "all of it is at rest"
    pods.running = [(worker, Used(cpu_ms=800.6, memory=5000)), (idle, Used(cpu_ms=12))]
    collector.sample(15.0)
    second = {window["pod"]: window for window in await resources(collector, sink)}
    assert second["worker"]["from"] == first["worker"]["to"], "without a gap"
    assert second["worker"]["cpuMilliseconds"] == 400 and second["idle"]["cpuMilliseconds"] == 2
    assert (second["worker"]["memoryBytesMax"], second["worker"]["memoryBytesMean"]) == (9000, 7000)


async def test_a_container_that_is_started_again_counts_from_zero(collector: Collector, sink: Broker) -> None:
    pods = Pods((pod(), Used(run=1, cpu_ms=500)))
    collector.measure(pods)
    collector.sample(5.0)
    pods.running = [(pod(), Used(run=2, cpu_ms=200))]
    collector.sample(10.0)
    assert [window["cpuMilliseconds"] for window in await resources(collector, sink)] == [500, 200]


async def test_what_ends_between_two_reports_is_told_with_what_it_used(collector: Collector, sink: Broker) -> None:
    """It is looked at every second, and told every five at most."""
    pods = Pods((pod(), Used(cpu_ms=60)))
    collector.measure(pods)
    collector.sample(1000.0)
    assert await resources(collector, sink) == [], "60 ms in five seconds is rest"
    pods.running = [(pod(), Used(cpu_ms=100)), (pod(name="build"), Used(cpu_ms=900))]
    for clock in (1001.0, 1002.0, 1003.0):
        collector.sample(clock)
    pods.running.pop()
    collector.sample(1004.0)
    assert await resources(collector, sink) == [], "not yet"
    collector.sample(1005.0)
    assert {window["pod"]: window["cpuMilliseconds"] for window in await resources(collector, sink)} == {"p-1": 100, "build": 900}


async def test_a_request_is_told_with_what_it_cost_and_an_ended_pod_with_the_next(collector: Collector, sink: Broker) -> None:
    pods = Pods((pod(), Used(cpu_ms=3)), (pod(name="short", service="y-staging"), Used(cpu_ms=7)))
    collector.measure(pods)
    collector.sample(5.0)
    assert await resources(collector, sink) == []
    pods.running.pop()
    collector.request(service(), "r-1", 200, 0.001)
    collector.sample(10.0)
    assert {window["pod"]: window["cpuMilliseconds"] for window in await resources(collector, sink)} == {"p-1": 3, "short": 7}
    collector.sample(15.0)
    assert await resources(collector, sink) == []


async def test_what_rests_is_told_every_ten_minutes_and_at_the_end(collector: Collector, sink: Broker) -> None:
    pods = Pods((pod(), Used(cpu_ms=3)))
    collector.measure(pods)
    for clock in range(5, 600, 5):
        collector.sample(float(clock))
        assert await resources(collector, sink) == []
    collector.sample(605.0)
    assert [window["cpuMilliseconds"] for window in await resources(collector, sink)] == [3]
    pods.running = [(pod(), replace(Used(), cpu_ms=8))]
    collector.sample(610.0)
    await collector.start()
    sink.taken.clear()
    await collector.stop()
    assert [window["cpuMilliseconds"] for window in sink.data()[-1]["windows"]] == [5]


async def test_without_a_target_nothing_is_kept_and_nothing_counted_twice_later(collector: Collector, sink: Broker) -> None:
    pods = Pods((pod(), Used(cpu_ms=900)))
    collector.measure(pods)
    collector.sample(5.0)
    collector.point("", None)
    collector.lines(pod(), "stdout", ["unseen"])
    pods.running = [(pod(), Used(cpu_ms=1800))]
    collector.sample(10.0)
    collector.point("test", "main")
    pods.running = [(pod(), Used(cpu_ms=2500))]
    collector.sample(15.0)
    assert [window["cpuMilliseconds"] for window in await resources(collector, sink)] == [700]
