"""Metrics of Serving for Prometheus: pods, desired scale, requests, and starts from zero, by Service.

Starts are counted from what scalers report. Everything else is read at a scrape, which also imports the library: a machine
that nobody scrapes does not load it.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from knative.local.serving import metric_declarations as declared
from knative.local.serving.scaler import Scaler

if TYPE_CHECKING:
    from prometheus_client.core import Metric

Labels = tuple[str, str]


def labels_of(scaler: Scaler) -> Labels:
    return scaler.namespace, scaler.stored.labels.get("serving.knative.dev/service", scaler.name)


class ServingMetrics:
    """`scalers` returns those of all revisions. `now` in seconds, monotonic."""

    def __init__(self, scalers: Callable[[], Iterable[Scaler]], now: Callable[[], float] = time.monotonic) -> None:
        self._scalers = scalers
        self._now = now
        self._cold_starts: Counter[Labels] = Counter()
        self._ready_count: Counter[Labels] = Counter()
        self._ready_seconds: dict[Labels, float] = {}
        self._awake: dict[str, float | None] = {}
        """Revisions with pods: when the first one was started, None as soon as one was ready."""

    def observe(self, scaler: Scaler) -> None:
        """Note that the pods of a revision have changed."""
        labels = labels_of(scaler)
        if not scaler.pods:
            self._awake.pop(scaler.uid, None)
        elif scaler.uid not in self._awake:
            self._cold_starts[labels] += 1
            self._awake[scaler.uid] = self._now()
        started_at = self._awake.get(scaler.uid)
        if started_at is not None and scaler.ready_pods:
            self._ready_count[labels] += 1
            self._ready_seconds[labels] = self._ready_seconds.get(labels, 0.0) + self._now() - started_at
            self._awake[scaler.uid] = None

    def forget(self, scaler: Scaler) -> None:
        """Drop what is known about a deleted revision, and about its Service with the last one."""
        self._awake.pop(scaler.uid, None)
        labels = labels_of(scaler)
        if labels not in {labels_of(each) for each in self._scalers()}:
            self._cold_starts.pop(labels, None)
            self._ready_count.pop(labels, None)
            self._ready_seconds.pop(labels, None)

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

        registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=registry)
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily

        ready, pods, desired, in_flight, waiting = (Counter[Labels]() for _ in range(5))
        for scaler in self._scalers():
            labels = labels_of(scaler)
            pods[labels] += len(scaler.pods)
            ready[labels] += scaler.ready_pods
            desired[labels] += scaler.desired_pods()
            in_flight[labels] += scaler.in_flight
            waiting[labels] += scaler.waiting
        for metric, values in (
            (declared.PODS, pods),
            (declared.READY_PODS, ready),
            (declared.DESIRED_PODS, desired),
            (declared.IN_FLIGHT, in_flight),
            (declared.WAITING, waiting),
        ):
            family = GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels)
            for labels, value in values.items():
                family.add_metric(labels, value)
            yield family
        starts = CounterMetricFamily(declared.COLD_STARTS.name, declared.COLD_STARTS.meaning, labels=declared.LABELS)
        for labels, count in self._cold_starts.items():
            starts.add_metric(labels, count)
        yield starts
        durations = SummaryMetricFamily(declared.COLD_START_SECONDS.name, declared.COLD_START_SECONDS.meaning, labels=declared.LABELS)
        for labels, count in self._ready_count.items():
            durations.add_metric(labels, count, self._ready_seconds[labels])
        yield durations
