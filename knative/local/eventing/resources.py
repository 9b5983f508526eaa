"""CPU and memory of pods, sampled while they run: what metrics-server reads from the kubelets on a cluster.

Whoever reads the figures scales to zero, so what rests must not wake them: windows of pods at rest wait, and go with those of the first pod that
works, or after ten minutes. No window is cut short for that: a pod's windows follow each other without gaps, and their sum is what it used.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from knative.local.eventing.outgoing import now
from knative.local.objects import Object

SAMPLING = 1.0
"""Seconds between two looks: what a pod uses in its last second is not seen."""
INTERVAL = 5.0
"""Told no more often than that."""
AT_WORK = 0.02
"""Of a core: a pod that uses more is at work."""
LONGEST = 600.0
MOST_ENDED = 500
SERVICE, REVISION = "serving.knative.dev/service", "serving.knative.dev/revision"


class Used(Protocol):
    """What the processes of a container have used: milliseconds of CPU since they began, bytes of memory now. Another `run` counts from zero."""

    @property
    def run(self) -> int: ...
    @property
    def cpu_ms(self) -> float: ...
    @property
    def memory(self) -> int: ...


class Running(Protocol):
    """The pods of this machine."""

    def used(self) -> Iterable[tuple[Object, Used]]: ...


@dataclass(slots=True)
class Window:
    """One pod, since its last window ended."""

    pod: Object
    run: int
    began: float
    since: str
    cpu_ms: float = 0.0
    counter: float = 0.0
    memory_max: int = 0
    memory_sum: float = 0.0
    samples: int = 0
    until: str = ""
    lately: float = 0.0
    """Milliseconds of CPU since it was last asked whether it is at work."""

    def sample(self, used: Used, at: str) -> None:
        if used.run != self.run:
            self.run, self.counter = used.run, 0.0
        spent = max(used.cpu_ms - self.counter, 0.0)
        self.counter = max(used.cpu_ms, self.counter)
        self.cpu_ms += spent
        self.memory_max = max(self.memory_max, used.memory)
        self.memory_sum += used.memory
        self.samples += 1
        self.until = at
        self.lately += spent

    def is_at_work(self) -> bool:
        spent, self.lately = self.lately, 0.0
        return spent >= AT_WORK * 1000 * INTERVAL

    @property
    def service(self) -> tuple[str, str]:
        metadata = self.pod["metadata"]
        return metadata["namespace"], (metadata.get("labels") or {}).get(SERVICE, "")

    def told(self) -> Mapping[str, Any]:
        metadata = self.pod["metadata"]
        labels = metadata.get("labels") or {}
        return {
            "from": self.since, "to": self.until, "namespace": metadata["namespace"], "pod": metadata["name"],
            "service": self.service[1], "revision": labels.get(REVISION, ""), "labels": labels,
            "cpuMilliseconds": round(self.cpu_ms), "memoryBytesMax": self.memory_max, "memoryBytesMean": round(self.memory_sum / self.samples),
        }  # fmt: skip

    def next(self, clock: float) -> "Window":
        """Goes on where this one ends; the fraction of a millisecond that was not told is told then."""
        return Window(self.pod, self.run, clock, self.until, self.cpu_ms - round(self.cpu_ms), self.counter)


class Sampler:
    def __init__(self) -> None:
        self._windows: dict[str, Window] = {}
        self._ended: list[Window] = []
        self._asked: set[tuple[str, str]] = set()
        self._checked = 0.0

    def asked(self, namespace: str, service: str) -> None:
        """A request went to this service: its pods are at work, however little it cost."""
        self._asked.add((namespace, service))

    def forget(self) -> None:
        """Nobody wants what has not been told; counters go on from where they are."""
        self._told(0.0)

    def sample(self, running: Iterable[tuple[Object, Used]], clock: float) -> list[Mapping[str, Any]]:
        """Looks at all pods; the windows that are to be told now, if any."""
        at, seen = now(), set()
        for pod, used in running:
            metadata = pod["metadata"]
            seen.add(metadata["uid"])
            window = self._windows.get(metadata["uid"])
            if window is None:
                window = self._windows[metadata["uid"]] = Window(pod, used.run, clock, metadata.get("creationTimestamp") or at)
            window.sample(used, at)
        self._ended += [self._windows.pop(uid) for uid in self._windows.keys() - seen]
        del self._ended[:-MOST_ENDED]
        if clock - self._checked < INTERVAL:
            return []
        self._checked = clock
        return self._told(clock) if self._is_due(clock) else []

    def _is_due(self, clock: float) -> bool:
        windows = [*self._ended, *self._windows.values()]
        at_work = [window for window in windows if window.is_at_work()]  # all of them are asked
        return bool(at_work) or any(clock - window.began >= LONGEST or window.service in self._asked for window in windows)

    def rest(self) -> list[Mapping[str, Any]]:
        """All that has not been told: this is the end."""
        return self._told(0.0)

    def _told(self, clock: float) -> list[Mapping[str, Any]]:
        told = [window.told() for window in (*self._ended, *self._windows.values()) if window.samples]
        self._windows = {uid: window.next(clock) if window.samples else window for uid, window in self._windows.items()}
        self._ended = []
        self._asked.clear()
        return told
