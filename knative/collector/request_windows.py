"""Requests since the last batch, counted by Service, revision and status."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from functions.wire.knative_events import now
from knative.collector.duration_buckets import SCALE, bucket_of
from knative.collector.outgoing import Data
from knative.collector.resources import REVISION, SERVICE

log = logging.getLogger(__name__)

MAX_WINDOWS = 5_000
NO_STATUS = 0
"""Of a window that reports no requests."""

Key = tuple[str, str, str, int]
"""namespace, Service, revision, status"""


@dataclass(slots=True)
class RequestWindow:
    labels: Mapping[str, str]
    count: int = 0
    seconds: float = 0.0
    durations: Counter[int] = field(default_factory=Counter)
    """Bucket (`duration_buckets`) → requests."""
    request_bytes: int = 0
    response_bytes: int = 0


class RequestWindows:
    def __init__(self) -> None:
        self._windows: dict[Key, RequestWindow] = {}
        self._since = ""

    def __bool__(self) -> bool:
        return bool(self._windows)

    def add(self, service: Mapping[str, Any], revision: str, status: int, seconds: float, request_bytes: int = 0, response_bytes: int = 0) -> None:
        """Count a request to a Service. Above MAX_WINDOWS the oldest window is dropped."""
        metadata = service["metadata"]
        window = self._window((metadata["namespace"], metadata["name"], revision, status), metadata.get("labels") or {})
        window.count += 1
        window.seconds += seconds
        window.durations[bucket_of(seconds * 1000)] += 1
        window.request_bytes += request_bytes
        window.response_bytes += response_bytes

    def merge(self, key: Key, counted: "RequestWindow") -> None:
        """Add requests that a pod has counted itself."""
        window = self._window(key, counted.labels)
        window.count += counted.count
        window.seconds += counted.seconds
        window.durations.update(counted.durations)
        window.request_bytes += counted.request_bytes
        window.response_bytes += counted.response_bytes

    def add_report(self, pod: Mapping[str, Any]) -> None:
        """Report that the revision of a pod is measured, also if it has had no requests: a window without requests and without a status."""
        metadata = pod["metadata"]
        labels = metadata["labels"]
        self._window((metadata["namespace"], labels.get(SERVICE, ""), labels[REVISION], NO_STATUS), labels)

    def _window(self, key: Key, labels: Mapping[str, str]) -> "RequestWindow":
        if not self._windows:
            self._since = now()
        window = self._windows.get(key)
        if window is None:
            if len(self._windows) >= MAX_WINDOWS:
                dropped = self._windows.pop(next(iter(self._windows)))
                log.error("measurements of %d requests dropped: RabbitMQ has been unavailable for too long", dropped.count)
            window = self._windows[key] = RequestWindow(labels)
        return window

    def take_batch(self) -> Data | None:
        """Remove and return all windows, as `requests.measured` has them (`events/cluster.py`); None if there are none."""
        windows, self._windows = self._windows, {}
        if not windows:
            return None
        until = now()
        return {
            "windows": [
                {
                    "from": self._since, "to": until, "namespace": namespace, "service": service, "revision": revision, "labels": window.labels,
                    "status": status, "count": window.count, "durationMsSum": round(window.seconds * 1000, 3),
                    "durations": {"scale": SCALE, "buckets": {str(bucket): count for bucket, count in sorted(window.durations.items())}},
                    "requestBytes": window.request_bytes, "responseBytes": window.response_bytes,
                }
                for (namespace, service, revision, status), window in windows.items()
            ]
        }  # fmt: skip
