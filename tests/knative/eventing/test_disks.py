"""Disk usage is published with resources of pods, and on its own only when an application's images change."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from events.cluster import ResourcesMeasured
from knative.local.eventing.collector import Collector
from tests.knative.eventing.test_collector import Broker, Pods, Used, pod


class Disks:
    """The disk usage that serving measures."""

    def __init__(self) -> None:
        self.usage: dict[str, dict[str, Any]] = {"app-x": usage("app-x"), "app-y": usage("app-y")}

    def images(self) -> Mapping[str, tuple[int, int]]:
        return {name: (each["images"], each["imageBytes"]) for name, each in self.usage.items() if each["images"]}

    def disk_usage(self) -> Mapping[str, Mapping[str, Any]]:
        return {name: dict(each) for name, each in self.usage.items()}


def usage(namespace: str, images: int = 0) -> dict[str, Any]:
    bytes = {"images": images, "imageBytes": 100 * images, "cacheBytes": None, "instanceBytes": {"staging": 5}}
    return {"namespace": namespace, "labels": {"capsule.dev/application": f"id-{namespace}"}, **bytes}


@pytest.fixture
def sink() -> Broker:
    return Broker()


@pytest.fixture
def collector(sink: Broker) -> Collector:
    collector = Collector(sink)  # type: ignore[arg-type]
    collector.set_target("test", "main")
    return collector


async def reported(collector: Collector, sink: Broker) -> dict[str, Any]:
    """Namespace → images, of what was published since the last call."""
    sink.published.clear()
    await collector.publish()
    found: dict[str, Any] = {}
    for event in sink.published:
        measured = ResourcesMeasured.model_validate(json.loads(event.data))
        found |= {each.namespace: each.images for each in measured.disks}
    return found


async def test_a_larger_cache_is_reported_with_the_next_active_pod(collector: Collector, sink: Broker) -> None:
    pods, disks = Pods((pod(), Used(cpu_ms=1))), Disks()
    collector.set_sources(pods, disks)
    collector.sample(5.0)
    assert await reported(collector, sink) == {}, "no application has an image, and no pod is active"
    pods.running = [(pod(), Used(cpu_ms=900))]
    collector.sample(10.0)
    assert await reported(collector, sink) == {"app-x": 0, "app-y": 0}
    disks.usage["app-x"]["cacheBytes"] = 7
    collector.sample(15.0)
    assert await reported(collector, sink) == {}
    pods.running = [(pod(), Used(cpu_ms=1800))]
    collector.sample(20.0)
    assert await reported(collector, sink) == {"app-x": 0}, "the other one did not change"


async def test_changed_images_are_reported_within_seconds_without_running_pods(collector: Collector, sink: Broker) -> None:
    disks = Disks()
    collector.set_sources(Pods(), disks)
    disks.usage["app-x"] = usage("app-x", images=1)
    collector.sample(5.0)
    assert await reported(collector, sink) == {"app-x": 1, "app-y": 0}
    collector.sample(10.0)
    assert await reported(collector, sink) == {}
    disks.usage["app-x"] = usage("app-x", images=2)
    collector.sample(12.0)
    assert await reported(collector, sink) == {}, "images are compared every five seconds"
    collector.sample(15.0)
    assert await reported(collector, sink) == {"app-x": 2}
    del disks.usage["app-x"]
    collector.sample(20.0)
    assert await reported(collector, sink) == {}, "its application was deleted"


async def test_a_new_target_gets_all_usage(collector: Collector, sink: Broker) -> None:
    disks = Disks()
    disks.usage["app-x"] = usage("app-x", images=1)
    collector.set_sources(Pods(), disks)
    collector.sample(5.0)
    assert set(await reported(collector, sink)) == {"app-x", "app-y"}
    collector.set_target("", None)
    collector.set_target("test", "main")
    collector.sample(10.0)
    assert set(await reported(collector, sink)) == {"app-x", "app-y"}
