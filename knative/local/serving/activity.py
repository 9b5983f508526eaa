"""What a pod that takes its messages from RabbitMQ itself tells of them: five numbers in a file that both processes have mapped.

Requests to a pod pass through this Knative, which counts them; messages that the pod consumes do not, and yet they decide how many pods there
are. The pod writes, nobody answers: telling costs it less than a microsecond a message, and looking costs nothing while nobody looks. A beat
that is too old means that the pod hangs, whatever else it said last.
"""

import mmap
import os
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

QUEUES, ACTIVITY = "CAPSULE_CONSUMES", "CAPSULE_ACTIVITY"
"""What the pod finds in its environment: the queues of its Triggers, and the file."""
BEAT = 1.0
"""Seconds between two beats of a pod's loop."""
STALE = 4.0
SHAPE = struct.Struct("=QQQQQ")
"""beat (monotonic, ns) · consuming · in flight · handled · busy (ns, summed over messages)"""
MAY = struct.Struct("=Q")
"""Behind them, the other way: whether the pod may consume. One of a revision that shares its traffic, or has lost it, may not."""


@dataclass(frozen=True, slots=True)
class Seen:
    consuming: bool
    in_flight: int
    handled: int
    busy: float
    """Seconds, summed over all messages that have ended."""


NOTHING = Seen(False, 0, 0, 0.0)


class Activity:
    """The pod's end. `consuming` is what it wants to be taken for."""

    def __init__(self, path: Path) -> None:
        self._map = _mapped(path)
        self.consuming = False
        self.in_flight = 0
        self._handled = 0
        self._busy = 0
        self.beat()

    def beat(self) -> None:
        SHAPE.pack_into(self._map, 0, time.monotonic_ns(), self.consuming, self.in_flight, self._handled, self._busy)

    @property
    def may_consume(self) -> bool:
        return bool(MAY.unpack_from(self._map, SHAPE.size)[0])

    def began(self) -> int:
        self.in_flight += 1
        now = time.monotonic_ns()
        SHAPE.pack_into(self._map, 0, now, self.consuming, self.in_flight, self._handled, self._busy)
        return now

    def ended(self, began: int) -> None:
        now = time.monotonic_ns()
        self.in_flight -= 1
        self._handled += 1
        self._busy += now - began
        SHAPE.pack_into(self._map, 0, now, self.consuming, self.in_flight, self._handled, self._busy)


class Watched:
    """This Knative's end, for one pod. The file is made before the pod is started; `owner` is the pod's user, if it is another one."""

    def __init__(self, path: Path, owner: int | None = None, now: Callable[[], int] = time.monotonic_ns) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(bytes(SHAPE.size + MAY.size))
        if owner is not None:
            os.chown(path, owner, -1)
        self.path = path
        self._map = _mapped(path)
        self._now = now
        self._last = NOTHING

    def allow(self, may: bool) -> None:
        MAY.pack_into(self._map, SHAPE.size, may)

    def look(self) -> Seen:
        beat, consuming, in_flight, handled, busy = SHAPE.unpack_from(self._map, 0)
        alive = self._now() - beat < STALE * 1e9
        return Seen(bool(consuming) and alive, in_flight if alive else 0, handled, busy / 1e9)

    def since(self) -> tuple[Seen, int, float]:
        """What is seen, and how many messages ended and how many seconds they took since the last call."""
        seen, last = self.look(), self._last
        self._last = seen
        if seen.handled < last.handled:  # another process of the same pod counts from the beginning
            last = NOTHING
        return seen, seen.handled - last.handled, max(seen.busy - last.busy, 0.0)


def _mapped(path: Path) -> mmap.mmap:
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), SHAPE.size + MAY.size)
