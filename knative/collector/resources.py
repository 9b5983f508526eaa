"""CPU and memory of pods, sampled while they run, as windows of `resources.measured`.

The receiver of these measurements scales to zero, so idle pods must not wake it: their windows are kept and sent with
those of the first active pod, or after ten minutes. The windows of a pod follow each other without gaps, and their sum
is its total usage.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from functions.wire.knative_events import now

Object = Mapping[str, Any]
"""A Pod, as the Kubernetes API returns it."""

SAMPLE_SECONDS = 1.0
"""Between two samples. Usage in a pod's last second is not measured."""
REPORT_SECONDS = 5.0
"""Windows are reported no more often."""
ACTIVE_CORES = 0.02
"""A pod that uses more is active."""
MAX_WINDOW_SECONDS = 600.0
MAX_ENDED_WINDOWS = 500
COLLECT = "capsule.dev/collect"
"""Label of pods and Services that are collected."""
SERVICE, REVISION = "serving.knative.dev/service", "serving.knative.dev/revision"


def is_collected(object: Object) -> bool:
    return (object["metadata"].get("labels") or {}).get(COLLECT) == "true"


class Used(Protocol):
    """What the processes of a container have used: CPU milliseconds since their start, memory bytes now. A new `run` counts from zero."""

    @property
    def run(self) -> int: ...
    @property
    def cpu_ms(self) -> float: ...
    @property
    def memory_bytes(self) -> int: ...


class PodSource(Protocol):
    """The running pods of this machine."""

    def used(self) -> Iterable[tuple[Object, Used]]: ...

    def is_ready(self, pod: Object) -> bool: ...


@dataclass(slots=True)
class Window:
    """The usage of a pod since the end of its last window."""

    pod: Object
    run: int
    started_at: float
    since: str
    cpu_ms: float = 0.0
    counter_ms: float = 0.0
    memory_max: int = 0
    memory_sum: float = 0.0
    samples: int = 0
    until: str = ""
    recent_cpu_ms: float = 0.0
    """Since the last call of `is_active`."""

    def sample(self, used: Used, at: str) -> None:
        if used.run != self.run:
            self.run, self.counter_ms = used.run, 0.0
        spent_ms = max(used.cpu_ms - self.counter_ms, 0.0)
        self.counter_ms = max(used.cpu_ms, self.counter_ms)
        self.cpu_ms += spent_ms
        self.memory_max = max(self.memory_max, used.memory_bytes)
        self.memory_sum += used.memory_bytes
        self.samples += 1
        self.until = at
        self.recent_cpu_ms += spent_ms

    def is_active(self) -> bool:
        """Whether the pod was active since the last call, which must be REPORT_SECONDS ago."""
        spent_ms, self.recent_cpu_ms = self.recent_cpu_ms, 0.0
        return spent_ms >= ACTIVE_CORES * 1000 * REPORT_SECONDS

    @property
    def service(self) -> tuple[str, str]:
        metadata = self.pod["metadata"]
        return metadata["namespace"], (metadata.get("labels") or {}).get(SERVICE, "")

    def as_measured(self) -> Mapping[str, Any]:
        """Return the window as `resources.measured` has it (`events/cluster.py`)."""
        metadata = self.pod["metadata"]
        labels = metadata.get("labels") or {}
        return {
            "from": self.since, "to": self.until, "namespace": metadata["namespace"], "pod": metadata["name"],
            "service": self.service[1], "revision": labels.get(REVISION, ""), "labels": labels,
            "cpuMilliseconds": round(self.cpu_ms), "memoryBytesMax": self.memory_max, "memoryBytesMean": round(self.memory_sum / self.samples),
        }  # fmt: skip

    def next(self, clock: float) -> "Window":
        """Return the window that follows. It starts with the fraction of a millisecond that rounding left out."""
        return Window(self.pod, self.run, clock, self.until, self.cpu_ms - round(self.cpu_ms), self.counter_ms)


class Sampler:
    def __init__(self) -> None:
        self._windows: dict[str, Window] = {}
        self._ended: list[Window] = []
        self._requested: set[tuple[str, str]] = set()
        self._reported_at = 0.0
        self._counters: dict[str, tuple[float, str]] = {}

    def restore(self, counters: Mapping[str, tuple[float, str]]) -> None:
        """Continue after a restart: pod's uid → what `counters` returned. Call it before the first sample."""
        self._counters = dict(counters)

    def counters(self) -> dict[str, tuple[float, str]]:
        """Return, by pod's uid, up to where its usage has been reported: (counter in milliseconds, time)."""
        return {uid: (window.counter_ms - window.cpu_ms, window.since) for uid, window in self._windows.items()}

    def note_request(self, namespace: str, service: str) -> None:
        """Report the pods of a Service at the next occasion: a request makes them active, however little it cost."""
        self._requested.add((namespace, service))

    def discard(self) -> None:
        """Drop what was not reported. Later windows continue from the current counters."""
        self._take(0.0)

    def sample(self, running: Iterable[tuple[Object, Used]], clock: float) -> list[Mapping[str, Any]]:
        """Sample all pods. Returns the windows to report now, mostly none. `clock` in seconds."""
        at, running_uids = now(), set()
        for pod, used in running:
            metadata = pod["metadata"]
            running_uids.add(metadata["uid"])
            window = self._windows.get(metadata["uid"])
            if window is None:
                counter_ms, since = self._counters.pop(metadata["uid"], (0.0, metadata.get("creationTimestamp") or at))
                window = self._windows[metadata["uid"]] = Window(pod, used.run, clock, since, counter_ms=counter_ms)
            window.sample(used, at)
        self._ended += [self._windows.pop(uid) for uid in self._windows.keys() - running_uids]
        del self._ended[:-MAX_ENDED_WINDOWS]
        if clock - self._reported_at < REPORT_SECONDS:
            return []
        self._reported_at = clock
        return self._take(clock) if self._is_due(clock) else []

    def _is_due(self, clock: float) -> bool:
        windows = [*self._ended, *self._windows.values()]
        active = [window for window in windows if window.is_active()]  # a list: `is_active` resets the counter of every window
        return bool(active) or any(clock - window.started_at >= MAX_WINDOW_SECONDS or window.service in self._requested for window in windows)

    def take_all(self) -> list[Mapping[str, Any]]:
        """Return every window that was not reported."""
        return self._take(0.0)

    def _take(self, clock: float) -> list[Mapping[str, Any]]:
        measured = [window.as_measured() for window in (*self._ended, *self._windows.values()) if window.samples]
        self._windows = {uid: window.next(clock) if window.samples else window for uid, window in self._windows.items()}
        self._ended = []
        self._requested.clear()
        return measured
