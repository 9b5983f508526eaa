"""What each queue-proxy has counted, and how much of it is in a batch (pure)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from knative.collector.queue_proxy import Counted
from knative.collector.request_windows import RequestWindows
from knative.collector.resources import REVISION, SERVICE, Object

MAX_STATUSES = 100
"""Of one pod. Its containers could answer in place of the queue-proxy."""

ByStatus = Mapping[int, Counted]


@dataclass(slots=True)
class RequestCounters:
    """`reported`: pod's uid → what is in batches that are stored. `current`: the last numbers, which are ahead of it."""

    reported: dict[str, ByStatus] = field(default_factory=dict)
    current: dict[str, ByStatus] = field(default_factory=dict)
    baseline_before: str = ""
    """Pods that were created earlier are counted from their first numbers on. Empty: all count from zero."""

    def __post_init__(self) -> None:
        self.current = dict(self.reported)

    def add(self, pod: Object, counted: ByStatus, windows: RequestWindows) -> int:
        """Add what a queue-proxy has counted since the last call. Returns the number of requests."""
        metadata: Mapping[str, Any] = pod["metadata"]
        uid, labels = metadata["uid"], metadata["labels"]
        counted = dict(sorted(counted.items())[:MAX_STATUSES])
        before = self.current.get(uid)
        self.current[uid] = counted
        if before is None and metadata.get("creationTimestamp", "") < self.baseline_before:
            self.reported[uid] = counted
            return 0
        requests = 0
        for status, each in counted.items():
            new = each.since(before.get(status) if before else None)
            if new.count:
                windows.merge((metadata["namespace"], labels.get(SERVICE, ""), labels[REVISION], status), new.window(labels))
                requests += new.count
        return requests

    def mark_reported(self, uids: Collection[str]) -> None:
        """Everything that was added is in a batch. Forgets all pods but `uids`."""
        self.current = {uid: each for uid, each in self.current.items() if uid in uids}
        self.reported = dict(self.current)
