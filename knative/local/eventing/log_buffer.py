"""Log lines of pods that wait to be sent. When more lines arrive than can be sent, the oldest are dropped, and each pod's log says how many."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from functions.wire.knative_events import now
from functions.wire.log_lines import bounded_line
from knative.local.eventing.outgoing import Data

MAX_LINES = 20_000
MAX_BYTES = 8 << 20
BATCH_LINES = 2_000
BATCH_BYTES = 512 << 10
ENTRY_OVERHEAD_BYTES = 300
MAX_NOTES = 200
"""Pods whose logs say that lines were dropped. Drops of further pods are added up in the platform's log."""

Entry = dict[str, Any]
"""A line, as `logs.collected` has it (`events/cluster.py`)."""


@dataclass(slots=True)
class LogBuffer:
    waiting: deque[tuple[Entry, int]] = field(default_factory=deque)
    bytes: int = 0
    dropped: dict[tuple[str, str], tuple[Entry, int]] = field(default_factory=dict)
    dropped_elsewhere: int = 0

    def add(self, entry: Entry) -> None:
        entry["line"] = bounded_line(entry["line"])
        size = len(entry["line"].encode()) + ENTRY_OVERHEAD_BYTES
        self.waiting.append((entry, size))
        self.bytes += size
        while len(self.waiting) > MAX_LINES or self.bytes > MAX_BYTES:
            oldest, size = self.waiting.popleft()
            self.bytes -= size
            self._count_dropped(oldest)

    def _count_dropped(self, entry: Entry) -> None:
        pod = (entry["namespace"], entry["pod"])
        if pod in self.dropped or len(self.dropped) < MAX_NOTES:
            self.dropped[pod] = (entry, self.dropped.get(pod, (entry, 0))[1] + 1)
        else:
            self.dropped_elsewhere += 1

    def take_batch(self, platform_namespace: str) -> Data | None:
        """Remove and return the next lines, preceded by notes about dropped ones; None if there are none.

        `platform_namespace`: whose log gets the note about pods beyond MAX_NOTES.
        """
        if not self.waiting and not self.dropped:
            return None
        entries = [_note(entry, count) for entry, count in self.dropped.values()]
        if self.dropped_elsewhere:
            platform = {"at": now(), "namespace": platform_namespace, "pod": "collector", "labels": {}}
            entries.append(_note(platform, self.dropped_elsewhere))
        self.dropped, self.dropped_elsewhere, size = {}, 0, 0
        while self.waiting and len(entries) < BATCH_LINES and size < BATCH_BYTES:
            entry, entry_size = self.waiting.popleft()
            entries.append(entry)
            size += entry_size
        self.bytes -= size
        return {"entries": entries}


def _note(entry: Mapping[str, Any], dropped: int) -> Entry:
    text = f"{dropped} older lines were dropped: more was written than could be sent"
    return {**entry, "container": "collector", "stream": "stderr", "line": text}
