"""Prometheus metrics of the gateway, in a registry of its own: `GET /metrics`. `metric_declarations` lists them.

Labels have bounded values: methods and paths are those of the routes (`/v1/apps/{applicationId}`), never a client's own
text. Whatever is at no route has the path `none`.
"""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics, generate_latest
from prometheus_client.core import Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from functions.edge.gateway import metric_declarations as declared
from functions.edge.gateway.routing import Route
from functions.wire.execution_counts import BUCKETS
from functions.wire.metrics import Metric as DeclaredMetric

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text"
NONE = "none"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the series, and Prometheus does not need them

Families = Callable[[], Iterable[Metric]]
"""Returns metrics with their values at the time of a scrape."""


class _CallbackCollector(Collector):
    def __init__(self, families: Families) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families()

    def describe(self) -> Iterable[Metric]:
        return ()


class Metrics:
    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._registry)
        self._requests = self._counter(declared.REQUESTS)
        self._durations = self._histogram(declared.REQUEST_SECONDS)
        self._rpcs = self._counter(declared.RPCS)
        self._rpc_durations = self._histogram(declared.RPC_SECONDS)
        self._limited = self._counter(declared.LIMITED)
        self._shed = self._counter(declared.SHED)
        self._refused = self._counter(declared.REFUSED)
        self._cached = self._counter(declared.CACHE_REQUESTS)
        self._purged = self._counter(declared.CACHE_PURGES)

        self._of_requests: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._of_rpcs: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        """Children by their labels: the library's own look-up costs more than counting."""

    def _counter(self, metric: DeclaredMetric) -> Counter:
        return Counter(metric.name, metric.meaning, metric.labels, registry=self._registry)

    def _histogram(self, metric: DeclaredMetric) -> Histogram:
        return Histogram(metric.name, metric.meaning, metric.labels, registry=self._registry, buckets=BUCKETS)

    def add_families(self, families: Families) -> None:
        self._registry.register(_CallbackCollector(families))

    def record_request(self, route: Route | None, method: str, status: int, seconds: float) -> None:
        key = (route.path if route is not None else NONE, method, status)
        children = self._of_requests.get(key)
        if children is None:
            known_method = method if method in METHODS else NONE
            children = self._requests.labels(known_method, key[0], status), self._durations.labels(known_method, key[0])
            if known_method is not NONE:
                self._of_requests[key] = children
        children[0].inc()
        children[1].observe(seconds)

    def record_rpc(self, function: str, outcome: str, seconds: float) -> None:
        key = (function, outcome)
        children = self._of_rpcs.get(key)
        if children is None:
            children = self._of_rpcs[key] = self._rpcs.labels(function, outcome), self._rpc_durations.labels(function)
        children[0].inc()
        children[1].observe(seconds)

    def record_rate_limited(self, limit: str) -> None:
        self._limited.labels(limit).inc()

    def record_shed(self, priority: str) -> None:
        self._shed.labels(priority).inc()

    def record_context_refused(self, context: str, reason: str) -> None:
        self._refused.labels(context, reason).inc()

    def record_cache_request(self, path: str, result: str) -> None:
        self._cached.labels(path, result).inc()

    def record_cache_purge(self, cause: str) -> None:
        self._purged.labels(cause).inc()

    def exposition(self, accept: str) -> tuple[str, bytes]:
        """Return media type and text, in the format that the scraper prefers."""
        if OPENMETRICS in accept:
            return CONTENT_TYPE_LATEST, generate_openmetrics(self._registry)  # type: ignore[no-untyped-call]
        return TEXT, generate_latest(self._registry)
