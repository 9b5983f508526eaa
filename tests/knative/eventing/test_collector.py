"""The collector: batches, silence at rest, and what happens when more comes than can go."""

import asyncio
import json
from typing import Any

import pytest

from knative.local.eventing import collector as collecting
from tests.knative.eventing.conftest import Machine, broker, trigger, until
from tests.knative.eventing.test_brokers import Make

CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "capsule-collector", "namespace": "test"}, "data": {"broker": "main"}}


def pod(collect: str = "true") -> dict[str, Any]:
    return {"metadata": {"name": "p-1", "namespace": "app-x", "labels": {"capsule.dev/collect": collect, "app": "x"}}}


async def test_lines_and_requests_reach_the_broker_in_batches(machine: Machine, subscriber: Make) -> None:
    sink = await subscriber()
    machine.apply(*broker(), trigger("all", sink.url), CONFIG)
    await machine.ready("Trigger.eventing.knative.dev", "all")
    collector = machine.eventing.collector
    collector.lines(pod("false"), "stdout", ["unseen"])
    for number in range(50):
        collector.lines(pod(), "stdout", [f"line {number}"])
        collector.request({"metadata": {**pod()["metadata"], "name": "x-staging"}}, "x-staging-00001", 200, 0.01)
    await until(lambda: len(sink.seen) == 2)
    logs, requests = (json.loads(seen.body) for seen in sorted(sink.seen, key=lambda seen: seen.headers["ce-type"]))
    assert [entry["line"] for entry in logs["entries"]] == [f"line {number}" for number in range(50)]
    assert logs["entries"][0]["labels"]["app"] == "x"
    (window,) = requests["windows"]
    assert (window["service"], window["revision"], window["status"], window["count"]) == ("x-staging", "x-staging-00001", 200, 50)
    assert round(window["durationMsSum"]) == 500
    await asyncio.sleep(1.2)
    assert len(sink.seen) == 2, "nothing is sent at rest"


async def test_the_oldest_go_overboard_and_that_is_said(machine: Machine, subscriber: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "MOST_LINES", 100)
    sink = await subscriber()
    machine.apply(CONFIG | {"data": {"broker": "not-there"}}, *broker(), trigger("all", sink.url))
    await machine.ready("Trigger.eventing.knative.dev", "all")
    collector = machine.eventing.collector
    await until(lambda: collector.is_pointed)
    for number in range(250):
        collector.lines(pod(), "stdout", [f"line {number}"])
    collector.request({"metadata": pod()["metadata"]}, "r-1", 500, 1)
    await asyncio.sleep(1.2)  # it tried, and there is no such Broker
    collector.request({"metadata": pod()["metadata"]}, "r-1", 500, 1)
    machine.apply(CONFIG)
    await until(lambda: len(sink.seen) == 2)
    logs, requests = (json.loads(seen.body) for seen in sorted(sink.seen, key=lambda seen: seen.headers["ce-type"]))
    lines = [entry["line"] for entry in logs["entries"]]
    assert lines[0] == "150 older lines were dropped: more was written than could be sent"
    assert lines[1:] == [f"line {number}" for number in range(150, 250)]
    assert requests["windows"][0]["count"] == 2
