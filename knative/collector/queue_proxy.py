"""Requests from the metrics of queue-proxy, which stands before each instance of a Knative Service (pure).

Serving 1.19 and newer have OpenTelemetry's names, older ones OpenCensus':

    http_server_request_duration_seconds      all requests, with those that queue-proxy answers itself: 503 of a full queue, 504 of a timeout
    kn_serving_invocation_duration_seconds    those that reached the container; used where the first is missing
    revision_request_latencies                all requests, in milliseconds; before 1.19

Probes of Knative and Kubernetes are in none of them. ConfigMap config-observability decides whether a queue-proxy exposes them:
`request-metrics-protocol: prometheus`, and in 1.19 and newer the default is none.

Source: knative/serving, pkg/queue/request_metric.go and pkg/queue/sharedmain (1.19 to 1.23).
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from knative.collector.duration_buckets import bucket_of
from knative.collector.prometheus_text import Sample, samples
from knative.collector.request_windows import RequestWindow

PORT = 9091
PATH = "/metrics"
MAX_TEXT_BYTES = 4 << 20
MAX_COUNT = 10**12
STATUS, FORMER_STATUS = "http_response_status_code", "response_code"
REQUEST_BYTES, RESPONSE_BYTES = "http_server_request_body_size_bytes_sum", "http_server_response_body_size_bytes_sum"
OVERFLOW_FACTOR = 1.25
"""A request beyond the last bucket counts as so many times its bound."""


@dataclass(frozen=True, slots=True)
class _Histogram:
    name: str
    status: str
    to_seconds: float


HISTOGRAMS = (
    _Histogram("http_server_request_duration_seconds", STATUS, 1.0),
    _Histogram("kn_serving_invocation_duration_seconds", STATUS, 1.0),
    _Histogram("revision_request_latencies", FORMER_STATUS, 0.001),
)
"""The first that has samples counts."""


@dataclass(slots=True)
class Counted:
    """Requests with one status since the queue-proxy started. `buckets`: upper bound in seconds → requests up to it."""

    count: int = 0
    seconds: float = 0.0
    buckets: dict[float, int] = field(default_factory=dict)
    request_bytes: int = 0
    response_bytes: int = 0

    def since(self, before: "Counted | None") -> "Counted":
        """Return what was counted since `before`. A lower number is that of a new process, which counts from zero."""
        if before is None or self.count < before.count:
            return self
        return Counted(
            self.count - before.count,
            max(self.seconds - before.seconds, 0.0),
            {bound: max(count - before.buckets.get(bound, 0), 0) for bound, count in self.buckets.items()},
            max(self.request_bytes - before.request_bytes, 0),
            max(self.response_bytes - before.response_bytes, 0),
        )

    def window(self, labels: Mapping[str, str]) -> RequestWindow:
        return RequestWindow(labels, self.count, self.seconds, self._durations(), self.request_bytes, self.response_bytes)

    def _durations(self) -> Counter[int]:
        """Return the durations in the buckets of `requests.measured`.

        The buckets of queue-proxy are wider. Requests of one of them count as its geometric middle, and as their mean if all are in one.
        """
        durations: Counter[int] = Counter()
        lower, counted = 0.0, 0
        for bound, cumulative in sorted(self.buckets.items()):
            requests = min(max(cumulative - counted, 0), self.count - sum(durations.values()))
            if requests:
                seconds = self.seconds / self.count if requests == self.count else _middle(lower, bound)
                durations[bucket_of(seconds * 1000)] += requests
            lower, counted = bound, max(cumulative, counted)
        if missing := self.count - sum(durations.values()):
            durations[bucket_of(self.seconds / self.count * 1000)] += missing
        return durations


def _middle(lower: float, upper: float) -> float:
    if math.isinf(upper):
        return lower * OVERFLOW_FACTOR
    return math.sqrt(lower * upper) if lower else upper / 2


def parse(text: str) -> dict[int, Counted]:
    """Return the requests by status. Raises ValueError for text in another format. A sample that cannot be is left out."""
    found = list(samples(text, [*(each.name for each in HISTOGRAMS), REQUEST_BYTES, RESPONSE_BYTES]))
    for histogram in HISTOGRAMS:
        if counted := _counted(found, histogram):
            return counted
    return {}


def _counted(found: Iterable[Sample], histogram: _Histogram) -> dict[int, Counted]:
    counted: dict[int, Counted] = {}
    for name, labels, value in found:
        status = _status(labels.get(histogram.status, ""))
        if status is None or not 0 <= value <= MAX_COUNT * 1000:  # NaN and infinity are neither
            continue
        if name.startswith(histogram.name):
            each = counted.setdefault(status, Counted())
            match name.removeprefix(histogram.name):
                case "_count":
                    each.count = min(each.count + int(value), MAX_COUNT)
                case "_sum":
                    each.seconds += value * histogram.to_seconds
                case "_bucket":
                    bound = float(labels.get("le", "inf")) * histogram.to_seconds
                    each.buckets[bound] = each.buckets.get(bound, 0) + int(value)
        elif name == REQUEST_BYTES:
            counted.setdefault(status, Counted()).request_bytes += int(value)
        elif name == RESPONSE_BYTES:
            counted.setdefault(status, Counted()).response_bytes += int(value)
    return {status: each for status, each in counted.items() if each.count}


def _status(text: str) -> int | None:
    return int(text) if len(text) == 3 and text.isascii() and text.isdigit() and text >= "100" else None
