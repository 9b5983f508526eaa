"""What the one-machine Knative and a pod that consumes its own queues tell each other.

Knative sets two environment variables: the queues of the pod's Triggers, and a file that both processes map into memory.

    pod → Knative    heartbeat, whether it consumes, messages in flight, messages handled, seconds spent on them
    Knative → pod    whether it may consume: a revision that shares its traffic or has lost it may not

Requests to a pod pass through Knative, which counts them. Consumed messages do not, and yet they decide how many pods run.
Neither side waits for the other: writing takes less than a microsecond per message. A heartbeat older than
STALE_AFTER_SECONDS means that the pod hangs, whatever the other numbers say.
"""

import json
import mmap
import os
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from functions.wire.settings import Setting, forms

CONSUMES = Setting(
    "CAPSULE_CONSUMES",
    forms.text("a JSON list of queues"),
    "The queues that a warm function takes messages from itself. Empty: they are pushed to it.",
)
ACTIVITY = Setting("CAPSULE_ACTIVITY", forms.path(), "The file by which such a function reports that it is alive.", default=None)

HEARTBEAT_SECONDS = 1.0
STALE_AFTER_SECONDS = 4.0

POD_LAYOUT = struct.Struct("=QQQQQ")
"""heartbeat (monotonic, ns) · is consuming · in flight · handled · busy (ns, summed over messages)"""
KNATIVE_LAYOUT = struct.Struct("=Q")
"""may consume; follows POD_LAYOUT in the file"""


@dataclass(frozen=True, slots=True)
class ConsumedQueue:
    """The queue of one Trigger. `url` and `path`: of the subscriber. `parallelism`: messages at a time."""

    name: str
    url: str
    path: str
    parallelism: int
    timeout_seconds: float | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def consumed_queues(environment: Mapping[str, str]) -> list[ConsumedQueue]:
    """Return the queues that this process is configured to consume; empty where messages are pushed."""
    text = CONSUMES.read(environment)
    return [ConsumedQueue(**queue) for queue in json.loads(text)] if text else []


class PodActivity:
    """The pod's end of the file. `is_consuming`: written with the next heartbeat."""

    def __init__(self, path: Path) -> None:
        self._map = _map_file(path)
        self.is_consuming = False
        self.in_flight = 0
        self._handled = 0
        self._busy_ns = 0
        self.send_heartbeat()

    def send_heartbeat(self) -> None:
        self._write(time.monotonic_ns())

    @property
    def may_consume(self) -> bool:
        return bool(KNATIVE_LAYOUT.unpack_from(self._map, POD_LAYOUT.size)[0])

    def start_message(self) -> int:
        """Count a message as in flight. Returns its start, in nanoseconds, for `finish_message`."""
        self.in_flight += 1
        now = time.monotonic_ns()
        self._write(now)
        return now

    def finish_message(self, started_ns: int) -> None:
        now = time.monotonic_ns()
        self.in_flight -= 1
        self._handled += 1
        self._busy_ns += now - started_ns
        self._write(now)

    def _write(self, now: int) -> None:
        POD_LAYOUT.pack_into(self._map, 0, now, self.is_consuming, self.in_flight, self._handled, self._busy_ns)


@dataclass(frozen=True, slots=True)
class ActivitySnapshot:
    """`handled` and `busy_seconds` are totals since the pod's process started."""

    is_consuming: bool
    in_flight: int
    handled: int
    busy_seconds: float


_NO_ACTIVITY = ActivitySnapshot(False, 0, 0, 0.0)


class ActivityReader:
    """Knative's end, for one pod. Creates the file before the pod starts; `owner`: the pod's user id, if it is another user."""

    def __init__(self, path: Path, owner: int | None = None, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        size = POD_LAYOUT.size + KNATIVE_LAYOUT.size
        with open(path, "w+b") as file:
            file.truncate(size)
            if owner is not None:
                os.fchown(file.fileno(), owner, -1)
            self._map = mmap.mmap(file.fileno(), size)
        self.path = path
        self._now_ns = now_ns
        self._last = _NO_ACTIVITY

    def set_may_consume(self, may_consume: bool) -> None:
        KNATIVE_LAYOUT.pack_into(self._map, POD_LAYOUT.size, may_consume)

    def read(self) -> ActivitySnapshot:
        heartbeat, is_consuming, in_flight, handled, busy_ns = POD_LAYOUT.unpack_from(self._map, 0)
        is_alive = self._now_ns() - heartbeat < STALE_AFTER_SECONDS * 1e9
        return ActivitySnapshot(bool(is_consuming) and is_alive, in_flight if is_alive else 0, handled, busy_ns / 1e9)

    def read_difference(self) -> tuple[ActivitySnapshot, int, float]:
        """Return the snapshot, and the messages handled and the seconds spent on them since the last call."""
        snapshot, last = self.read(), self._last
        self._last = snapshot
        if snapshot.handled < last.handled:  # the pod's process was replaced and counts from zero
            last = _NO_ACTIVITY
        return snapshot, snapshot.handled - last.handled, max(snapshot.busy_seconds - last.busy_seconds, 0.0)


def _map_file(path: Path) -> mmap.mmap:
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), POD_LAYOUT.size + KNATIVE_LAYOUT.size)
