"""The collector: batching, no messages without data, repeated messages after lost confirms, and dropped lines."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pytest

from events.cluster import LogsCollected, RequestsMeasured, ResourcesMeasured
from functions.wire.knative_events import Event
from knative.collector import log_buffer
from knative.collector.outgoing import PublishFailed
from knative.local.eventing.collector import Collector
from tests.knative.eventing.conftest import Machine, broker, trigger, until
from tests.knative.eventing.test_brokers import CreateSubscriber

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
    memory_bytes: int = 1000


class Pods:
    """The pods of the machine with what they have used."""

    def __init__(self, *running: tuple[dict[str, Any], Used]) -> None:
        self.running = list(running)

    def used(self) -> Iterator[tuple[dict[str, Any], Used]]:
        yield from self.running

    def is_ready(self, pod: dict[str, Any]) -> bool:
        return True


class Broker:
    """Records events. Without `confirms` it accepts them and fails all the same."""

    def __init__(self) -> None:
        self.published: list[Event] = []
        self.confirms = True

    async def publish(self, namespace: str, name: str, event: Event, trace: Any = None) -> None:
        self.published.append(event)
        if not self.confirms:
            raise PublishFailed("not confirmed in time")

    def data(self) -> list[dict[str, Any]]:
        return [json.loads(event.data) for event in self.published]


@pytest.fixture
def sink() -> Broker:
    return Broker()


@pytest.fixture
def collector(sink: Broker) -> Collector:
    collector = Collector(sink)  # type: ignore[arg-type]
    collector.set_target("test", "main")
    return collector


async def test_lines_and_requests_reach_the_broker_in_batches(machine: Machine, subscriber: CreateSubscriber) -> None:
    sink = await subscriber()
    machine.apply(*broker(), trigger("all", sink.url), CONFIG)
    await machine.ready("Trigger.eventing.knative.dev", "all")
    collector = machine.eventing.collector
    collector.add_lines(pod("false"), "stdout", ["unseen"])
    for number in range(50):
        collector.add_lines(pod(), "stdout", [f"line {number}"])
        collector.add_request(service(), "x-staging-00001", 200, 0.01)
    await until(lambda: len(sink.received) == 2)
    logs, requests = (json.loads(request.body) for request in sorted(sink.received, key=lambda request: request.headers["ce-type"]))
    assert [entry["line"] for entry in logs["entries"]] == [f"line {number}" for number in range(50)]
    assert logs["entries"][0]["labels"]["app"] == "x"
    (window,) = requests["windows"]
    assert (window["service"], window["revision"], window["status"], window["count"]) == ("x-staging", "x-staging-00001", 200, 50)
    assert round(window["durationMsSum"]) == 500
    assert window["durations"]["buckets"] == {"53": 50}, "over 2^(53/16) = 9.93 ms, at most 10.37 ms"
    LogsCollected.model_validate(logs), RequestsMeasured.model_validate(requests)
    await asyncio.sleep(1.2)
    assert len(sink.received) == 2, "nothing is sent without data"


async def test_an_unconfirmed_batch_is_sent_again_unchanged(collector: Collector, sink: Broker) -> None:
    sink.confirms = False
    collector.add_lines(pod(), "stdout", ["one"])
    collector.add_request(service(), "r-1", 200, 0.01)
    assert not await collector.publish()
    collector.add_lines(pod(), "stdout", ["two"])
    collector.add_request(service(), "r-1", 200, 0.01)
    assert not await collector.publish()
    sink.confirms = True
    assert await collector.publish()
    assert await collector.publish()
    assert len(sink.published) == 5
    logs = [event for event in sink.published if event.get("type") == "logs.collected"]
    first, again, confirmed, later = logs
    assert first == again == confirmed and first.data == confirmed.data and later.get("id") != first.get("id")
    requests = [json.loads(event.data)["windows"][0]["count"] for event in sink.published if event.get("type") == "requests.measured"]
    assert requests == [2], "requests that were not sent yet are counted together"


async def test_an_unconfirmed_request_batch_does_not_grow(collector: Collector, sink: Broker) -> None:
    sink.confirms = False
    collector.add_request(service(), "r-1", 200, 0.01)
    assert not await collector.publish()
    collector.add_request(service(), "r-1", 200, 0.01)
    sink.confirms = True
    assert await collector.publish() and await collector.publish()
    first, again, rest = sink.published
    assert (first.get("id"), first.data) == (again.get("id"), again.data)
    assert json.loads(rest.data)["windows"][0]["count"] == 1 and rest.get("id") != first.get("id")


async def test_each_pods_log_says_how_many_of_its_lines_were_dropped(collector: Collector, sink: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_buffer, "MAX_LINES", 100)
    monkeypatch.setattr(log_buffer, "MAX_NOTES", 2)
    for number in range(150):
        collector.add_lines(pod(), "stdout", [f"line {number}"])
        if number < 30:
            collector.add_lines(pod(name="p-2"), "stdout", [f"other {number}"])
        if number < 5:
            collector.add_lines(pod(name="p-3"), "stdout", [f"third {number}"])
    assert await collector.publish()
    entries = sink.data()[0]["entries"]
    notes = {entry["pod"]: entry for entry in entries if entry["container"] == "collector"}
    assert {name: note["line"].split()[0] for name, note in notes.items()} == {"p-1": "50", "p-2": "30", "collector": "5"}
    assert notes["p-2"]["namespace"] == "app-x" and notes["p-2"]["labels"] == pod()["metadata"]["labels"]
    assert notes["collector"]["namespace"] == "test" and notes["collector"]["labels"] == {}, "the note belongs to the platform's log"
    assert [entry["line"] for entry in entries if entry["container"] != "collector"] == [f"line {number}" for number in range(50, 150)]
    collector.add_lines(pod(), "stdout", ["after"])
    assert await collector.publish()
    assert [entry["line"] for entry in sink.data()[1]["entries"]] == ["after"], "the note is written once"


async def test_a_flood_of_one_namespace_neither_drops_nor_delays_the_lines_of_another(collector: Collector, sink: Broker) -> None:
    noisy, quiet = pod(), pod(name="p-2", namespace="app-y")
    collector.add_lines(quiet, "stdout", ["before"])
    for number in range(0, 30_000, 100):
        collector.add_lines(noisy, "stdout", [f"line {each}" for each in range(number, number + 100)])
    collector.add_lines(quiet, "stdout", ["after"])
    assert await collector.publish()
    entries = sink.data()[0]["entries"]
    assert [entry["line"] for entry in entries if entry["namespace"] == "app-y"] == ["before", "after"]
    noisy_lines = [entry["line"] for entry in entries if entry["namespace"] == "app-x" and entry["container"] != "collector"]
    dropped = next(int(entry["line"].split()[0]) for entry in entries if entry["container"] == "collector")
    assert dropped > 10_000 and noisy_lines[0] == f"line {dropped}", "its own oldest lines are dropped"
    assert len(noisy_lines) > 1000, "the rest of the batch is the noisy one's"
    for number in range(3):  # turns alternate
        collector.add_lines(pod(namespace=f"app-{number}"), "stdout", ["one"])
    assert await collector.publish()
    assert {entry["namespace"] for entry in sink.data()[1]["entries"]} == {"app-x", "app-0", "app-1", "app-2"}


async def test_the_oldest_lines_are_dropped_while_the_broker_is_missing(
    machine: Machine, subscriber: CreateSubscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_buffer, "MAX_LINES", 100)
    sink = await subscriber()
    machine.apply(CONFIG | {"data": {"broker": "not-there"}}, *broker(), trigger("all", sink.url))
    await machine.ready("Trigger.eventing.knative.dev", "all")
    collector = machine.eventing.collector
    await until(lambda: collector.has_target)
    for number in range(250):
        collector.add_lines(pod(), "stdout", [f"line {number}"])
    collector.add_request(service(), "r-1", 500, 1)
    await until(lambda: collector._outgoing[0].is_sending)  # it has tried to publish to the missing Broker
    collector.add_request(service(), "r-1", 500, 1)
    machine.apply(CONFIG)
    await until(lambda: len(sink.received) == 2)
    logs, requests = (json.loads(request.body) for request in sorted(sink.received, key=lambda request: request.headers["ce-type"]))
    lines = [entry["line"] for entry in logs["entries"]]
    assert lines[0] == "150 older lines were dropped: more was written than could be sent"
    assert lines[1:] == [f"line {number}" for number in range(150, 250)]
    assert requests["windows"][0]["count"] == 2


async def resources(collector: Collector, sink: Broker) -> list[dict[str, Any]]:
    sink.published.clear()
    await collector.publish()
    windows = [window for event in sink.published for window in json.loads(event.data)["windows"] if event.get("type") == "resources.measured"]
    if windows:
        ResourcesMeasured.model_validate({"windows": windows})
    return windows


async def test_usage_is_reported_while_pods_are_active_and_adds_up(collector: Collector, sink: Broker) -> None:
    worker, idle = pod(name="worker"), pod(name="idle", namespace="app-y")
    pods = Pods((worker, Used(cpu_ms=400.6, memory_bytes=3000)), (idle, Used(cpu_ms=10)), (pod("false", "unseen"), Used(cpu_ms=9999)))
    collector.set_sources(pods)
    collector.sample(5.0)
    first = {window["pod"]: window for window in await resources(collector, sink)}
    assert {name: window["cpuMilliseconds"] for name, window in first.items()} == {"worker": 401, "idle": 10}
    assert first["worker"]["from"] == "2026-01-01T00:00:00Z" and first["worker"]["service"] == "x-staging"

    pods.running = [(worker, Used(cpu_ms=410, memory_bytes=9000)), (idle, Used(cpu_ms=11))]
    collector.sample(10.0)
    assert await resources(collector, sink) == [], "all pods are idle"
    pods.running = [(worker, Used(cpu_ms=800.6, memory_bytes=5000)), (idle, Used(cpu_ms=12))]
    collector.sample(15.0)
    second = {window["pod"]: window for window in await resources(collector, sink)}
    assert second["worker"]["from"] == first["worker"]["to"], "without a gap"
    assert second["worker"]["cpuMilliseconds"] == 400 and second["idle"]["cpuMilliseconds"] == 2
    assert (second["worker"]["memoryBytesMax"], second["worker"]["memoryBytesMean"]) == (9000, 7000)


async def test_a_restarted_container_counts_from_zero(collector: Collector, sink: Broker) -> None:
    pods = Pods((pod(), Used(run=1, cpu_ms=500)))
    collector.set_sources(pods)
    collector.sample(5.0)
    pods.running = [(pod(), Used(run=2, cpu_ms=200))]
    collector.sample(10.0)
    assert [window["cpuMilliseconds"] for window in await resources(collector, sink)] == [500, 200]


async def test_a_pod_that_ends_between_two_reports_is_reported_with_its_usage(collector: Collector, sink: Broker) -> None:
    """Pods are sampled every second and reported at most every five."""
    pods = Pods((pod(), Used(cpu_ms=60)))
    collector.set_sources(pods)
    collector.sample(1000.0)
    assert await resources(collector, sink) == [], "60 ms in five seconds is idle"
    pods.running = [(pod(), Used(cpu_ms=100)), (pod(name="build"), Used(cpu_ms=900))]
    for clock in (1001.0, 1002.0, 1003.0):
        collector.sample(clock)
    pods.running.pop()
    collector.sample(1004.0)
    assert await resources(collector, sink) == [], "not yet"
    collector.sample(1005.0)
    assert {window["pod"]: window["cpuMilliseconds"] for window in await resources(collector, sink)} == {"p-1": 100, "build": 900}


async def test_a_request_makes_its_pods_reported_at_once_together_with_ended_pods(collector: Collector, sink: Broker) -> None:
    pods = Pods((pod(), Used(cpu_ms=3)), (pod(name="short", service="y-staging"), Used(cpu_ms=7)))
    collector.set_sources(pods)
    collector.sample(5.0)
    assert await resources(collector, sink) == []
    pods.running.pop()
    collector.add_request(service(), "r-1", 200, 0.001)
    collector.sample(10.0)
    assert {window["pod"]: window["cpuMilliseconds"] for window in await resources(collector, sink)} == {"p-1": 3, "short": 7}
    collector.sample(15.0)
    assert await resources(collector, sink) == []


async def test_a_new_release_is_reported_without_requests(collector: Collector, sink: Broker) -> None:
    observed, other = pod(), pod(name="p-2", service="x-production")
    observed["metadata"]["labels"]["serving.knative.dev/revision"] = "x-staging-00002"
    observed["metadata"]["annotations"] = {"capsule.dev/observation-seconds": "10"}
    collector.set_sources(Pods((observed, Used()), (other, Used())))
    reports = []
    for clock in range(300):
        collector.sample(float(clock))
        await collector.publish()
        reports += [clock] if any(event.get("type") == "requests.measured" for event in sink.published) else []
        if clock == 1:
            (window,) = json.loads(next(event for event in sink.published if event.get("type") == "requests.measured").data)["windows"]
            assert (window["revision"], window["count"], window["status"], window["labels"]["app"]) == ("x-staging-00002", 0, 0, "x")
            RequestsMeasured.model_validate({"windows": [window]})
        sink.published.clear()
    assert reports[:4] == [1, 3, 7, 15] and reports[-1] <= 130, "seldom, and not for ever"
    assert max(later - earlier for earlier, later in pairwise(reports)) == 15


async def test_idle_pods_are_reported_every_ten_minutes_and_at_the_stop(collector: Collector, sink: Broker) -> None:
    pods = Pods((pod(), Used(cpu_ms=3)))
    collector.set_sources(pods)
    for clock in range(5, 600, 5):
        collector.sample(float(clock))
        assert await resources(collector, sink) == []
    collector.sample(605.0)
    assert [window["cpuMilliseconds"] for window in await resources(collector, sink)] == [3]
    pods.running = [(pod(), replace(Used(), cpu_ms=8))]
    collector.sample(610.0)
    await collector.start()
    sink.published.clear()
    await collector.stop()
    assert [window["cpuMilliseconds"] for window in sink.data()[-1]["windows"]] == [5]


async def test_without_a_target_nothing_is_kept_or_counted_twice_later(collector: Collector, sink: Broker) -> None:
    pods = Pods((pod(), Used(cpu_ms=900)))
    collector.set_sources(pods)
    collector.sample(5.0)
    collector.set_target("", None)
    collector.add_lines(pod(), "stdout", ["unseen"])
    pods.running = [(pod(), Used(cpu_ms=1800))]
    collector.sample(10.0)
    collector.set_target("test", "main")
    pods.running = [(pod(), Used(cpu_ms=2500))]
    collector.sample(15.0)
    assert [window["cpuMilliseconds"] for window in await resources(collector, sink)] == [700]
