"""Log lines of pods that wait to be sent, by namespace. Each namespace has its share of a batch and of the buffer.

A batch takes lines from the namespaces in turn, so the lines of one that writes little are in the next batch, however much another has
written. When more lines arrive than can be sent, the oldest of the namespace with the most waiting bytes are dropped, and each pod's log
says how many.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from functions.wire.knative_events import now
from functions.wire.log_lines import bounded_line
from knative.collector.outgoing import Data

MAX_LINES = 20_000
MAX_BYTES = 8 << 20
BATCH_LINES = 2_000
BATCH_BYTES = 512 << 10
SHARE_LINES, SHARE_BYTES = 100, 32 << 10
"""Of one namespace, before the next one has its turn."""
ENTRY_OVERHEAD_BYTES = 300
MAX_NOTES = 200
"""Pods whose logs say that lines were dropped. Drops of further pods are added up in the platform's log."""

Entry = dict[str, Any]
"""A line, as `logs.collected` has it (`events/cluster.py`)."""
Position = tuple[str, Any]
"""Where the reader of a log file continues behind a line: (the file, the place in it)."""


@dataclass(slots=True)
class _Queue:
    """The lines of one namespace, oldest first, with their sizes in bytes."""

    entries: deque[tuple[Entry, int, Position | None]] = field(default_factory=deque)
    bytes: int = 0

    def pop(self) -> tuple[Entry, int, Position | None]:
        popped = self.entries.popleft()
        self.bytes -= popped[1]
        return popped


@dataclass(slots=True)
class LogBuffer:
    queues: dict[str, _Queue] = field(default_factory=dict)
    """By namespace, in the order of their turns. None is empty."""
    waiting: int = 0
    bytes: int = 0
    dropped: dict[tuple[str, str], tuple[Entry, int]] = field(default_factory=dict)
    dropped_elsewhere: int = 0
    positions: dict[str, Any] = field(default_factory=dict)
    """File → the place behind the last of its lines that was removed, in a batch or dropped."""

    def waiting_bytes(self, namespace: str) -> int:
        queue = self.queues.get(namespace)
        return queue.bytes if queue else 0

    @property
    def has_full_batch(self) -> bool:
        return self.waiting >= BATCH_LINES or self.bytes >= BATCH_BYTES

    def add(self, entry: Entry, position: Position | None = None) -> None:
        line = entry["line"] = bounded_line(entry["line"])
        size = (len(line) if line.isascii() else len(line.encode())) + ENTRY_OVERHEAD_BYTES
        queue = self.queues.get(entry["namespace"])
        if queue is None:
            queue = self.queues[entry["namespace"]] = _Queue()
        queue.entries.append((entry, size, position))
        queue.bytes += size
        self.waiting += 1
        self.bytes += size
        while self.waiting > MAX_LINES or self.bytes > MAX_BYTES:
            largest = max(self.queues, key=lambda namespace: self.queues[namespace].bytes)
            self.count_dropped(self._pop(largest)[0])

    def _pop(self, namespace: str) -> tuple[Entry, int]:
        queue = self.queues[namespace]
        entry, size, position = queue.pop()
        self.waiting -= 1
        self.bytes -= size
        if position is not None:
            self.positions[position[0]] = position[1]
        if not queue.entries:
            del self.queues[namespace]
        return entry, size

    def count_dropped(self, entry: Entry, lines: int = 1) -> None:
        """Count lines of a pod that are not sent. `entry`: one of them, or any other line of the pod."""
        pod = (entry["namespace"], entry["pod"])
        if pod in self.dropped or len(self.dropped) < MAX_NOTES:
            self.dropped[pod] = (entry, self.dropped.get(pod, (entry, 0))[1] + lines)
        else:
            self.dropped_elsewhere += lines

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
        while self.queues and len(entries) < BATCH_LINES and size < BATCH_BYTES:
            namespace = next(iter(self.queues))
            popped = popped_bytes = 0
            while namespace in self.queues and popped < SHARE_LINES and popped_bytes < SHARE_BYTES:
                entry, entry_size = self._pop(namespace)
                entries.append(entry)
                popped, popped_bytes = popped + 1, popped_bytes + entry_size
            size += popped_bytes
            if namespace in self.queues:  # the next turn is another's
                self.queues[namespace] = self.queues.pop(namespace)
        return {"entries": entries}


def _note(entry: Mapping[str, Any], dropped: int) -> Entry:
    text = f"{dropped} older lines were dropped: more was written than could be sent"
    return {**entry, "container": "collector", "stream": "stderr", "line": text}
