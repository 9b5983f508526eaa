"""When a new release is reported although it has had no requests.

A deployment under observation needs to know that its release is measured: "no requests" and "nobody counts" are different answers. So the
first pod of a revision is reported with zero requests, at growing intervals, while its release may be under observation. The receivers
of these reports scale to zero, so a revision that has been reported for long enough is not reported again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from knative.collector.resources import REVISION, Object

OBSERVATION = "capsule.dev/observation-seconds"
"""Annotation of a revision: how long its release is observed."""
MAX_INTERVAL_SECONDS = 15.0
MARGIN_SECONDS = 120.0
"""An observation begins so much later than its first pod is ready, at most, or waits so long for a report."""
MAX_REVISIONS = 5_000
"""Of those that are remembered. The oldest are forgotten first."""


@dataclass(slots=True)
class _Schedule:
    next_at: float
    interval: float
    until: float


class ReleaseReports:
    """`interval_seconds`: until the first report of a revision."""

    def __init__(self, interval_seconds: float) -> None:
        self._interval = interval_seconds
        self._schedules: dict[tuple[str, str], _Schedule] = {}

    def due(self, pods: Iterable[Object], clock: float) -> list[Object]:
        """Return a pod of each revision to report now. `pods`: those that are ready. `clock` in seconds."""
        due = {}
        for pod in pods:
            if not (seconds := observation_seconds(pod)):
                continue
            metadata = pod["metadata"]
            key = (metadata["namespace"], metadata["labels"].get(REVISION, ""))
            schedule = self._schedules.get(key)
            if schedule is None:
                self._schedules[key] = _Schedule(clock + self._interval, self._interval, clock + seconds + MARGIN_SECONDS)
                while len(self._schedules) > MAX_REVISIONS:
                    del self._schedules[next(iter(self._schedules))]
            elif schedule.next_at <= clock <= schedule.until:
                schedule.interval = min(schedule.interval * 2, max(MAX_INTERVAL_SECONDS, self._interval))
                schedule.next_at = clock + schedule.interval
                due[key] = pod
        return list(due.values())


def observation_seconds(pod: Object) -> float:
    """Return how long the release of a pod is observed, in seconds; 0 for a pod of no revision, or without a valid annotation."""
    metadata: Mapping[str, Any] = pod["metadata"]
    text = str((metadata.get("annotations") or {}).get(OBSERVATION, ""))
    is_revision = REVISION in (metadata.get("labels") or {})
    return float(text) if is_revision and text.isascii() and text.isdigit() and len(text) < 6 else 0.0
