"""Gauges of the gateway, with their values at the time of a scrape. A scrape asks no context: it reads the last reports."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric

from functions.edge.gateway import metric_declarations as declared
from functions.edge.gateway.cache.responses import ResponseCache
from functions.edge.gateway.circuit_breaker import State
from functions.edge.gateway.context_calls import ContextCalls
from functions.edge.gateway.health import PASS, Health
from functions.edge.gateway.ports import Requester
from functions.edge.gateway.rates.counters import Counters
from functions.wire.metrics import Metric as DeclaredMetric


@dataclass(frozen=True)
class Gauges:
    requester: Requester
    health: Health
    calls: ContextCalls
    counters: Counters
    cache: ResponseCache
    in_progress: Callable[[], int]

    def collect(self) -> Iterator[Metric]:
        states = list(self.calls.states())
        yield _gauge(declared.REQUESTS_IN_PROGRESS, [((), self.in_progress())])
        yield _gauge(declared.BROKER_CONNECTED, [((), self.requester.connected)])
        yield _gauge(declared.LIMIT_STORE_AVAILABLE, [((), self.counters.is_available)])
        yield _gauge(declared.CACHE_STORE_AVAILABLE, [((), self.cache.is_available)])
        circuits = [((context, state), state is present) for context, present, _, _ in states for state in State]
        yield _gauge(declared.CIRCUIT_STATE, circuits)
        yield _gauge(declared.CONTEXT_IN_PROGRESS, [((context,), number) for context, _, number, _ in states])
        yield _gauge(declared.CONTEXT_WAITING, [((context,), number) for context, _, _, number in states])
        reports = list(self.health.reports())
        yield _gauge(declared.CONTEXT_UP, [((each.context,), each.check == PASS) for each in reports])
        known = [each for each in reports if each.age_seconds is not None]
        yield _gauge(declared.REPORT_AGE, [((each.context,), each.age_seconds or 0.0) for each in known])
        for metric, field in declared.BACKLOG:
            yield _gauge(metric, [((each.context,), each.messages[field]) for each in known if field in each.messages])


def _gauge(metric: DeclaredMetric, values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels)
    for label_values, value in values:
        family.add_metric(label_values, float(value))
    return family
