"""CPU and memory from the kubelet's resource metrics."""

import pytest

from knative.collector.kubelet import PodCounter, parse
from knative.collector.pod_usage import PodUsage
from tests.collector.node import pod


def resource_metrics(**containers: tuple[float, int, float]) -> str:
    """Name of the container → (CPU seconds, memory bytes, start)."""
    lines = [
        "# HELP container_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the container in core-seconds",
        "# TYPE container_cpu_usage_seconds_total counter",
        "node_cpu_usage_seconds_total 12345.6 1764489600000",
    ]
    for name, (cpu, memory, started) in containers.items():
        labels = f'container="{name.replace("_", "-")}",namespace="app-hello",pod="hello-1"'
        lines += [
            f"container_cpu_usage_seconds_total{{{labels}}} {cpu} 1764489600000",
            f"container_memory_working_set_bytes{{{labels}}} {memory} 1764489600000",
            f"container_start_time_seconds{{{labels}}} {started}",
        ]
    return "\n".join([*lines, 'pod_cpu_usage_seconds_total{namespace="app-hello",pod="hello-1"} 99 1764489600000', "resource_scrape_error 0", ""])


def test_containers_are_read_without_sidecars() -> None:
    (usage,) = parse(resource_metrics(web=(1.5, 1000, 10.0), queue_proxy=(9.0, 5000, 10.0))).values()
    assert {name: (each.cpu_ms, each.memory_bytes, each.started) for name, each in usage.items()} == {"web": (1500.0, 1000, 10.0)}


def test_a_text_in_another_format_is_refused() -> None:
    with pytest.raises(ValueError):
        parse("container_cpu_usage_seconds_total{ oops\n")


def test_the_counter_of_a_pod_follows_restarts_and_init_containers() -> None:
    counter = PodCounter()

    def add(**containers: tuple[float, int, float]) -> float:
        (usage,) = parse(resource_metrics(**containers)).values()
        return counter.add(usage).cpu_ms

    assert add(prepare=(2.0, 1, 1.0)) == 2000
    assert add(build=(1.0, 1, 2.0)) == 3000, "a container that has ended stays counted"
    assert add(build=(1.5, 1, 2.0)) == 3500
    assert add(build=(0.25, 1, 9.0)) == 3750, "another run counts from zero"


def test_pods_that_ran_before_the_first_installation_count_from_now_on() -> None:
    usage = PodUsage({}, baseline_before="2026-11-30T09:00:00Z")
    measured = [parse(resource_metrics(web=(cpu, 7, 1.0))) for cpu in (100.0, 100.5)]
    used = [[each.cpu_ms for _, each in usage.update([pod()], sample)] for sample in measured]
    assert used == [[0.0], [500.0]]
    assert [each.cpu_ms for _, each in PodUsage({}).update([pod()], measured[0])] == [100_000.0]
