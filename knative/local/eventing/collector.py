"""Log lines of pods, measured requests and used resources, as events: what an agent on each node posts on a cluster.

Serving tells it, synchronously and cheaply, of every line and request whose object asks for it (label capsule.dev/collect: "true"); it looks itself
at what the pods use. At most once a second, and only when there is something, what was gathered goes to the Broker that ConfigMap
`capsule-collector` names, as `logs.collected`, `requests.measured` and `resources.measured`. It never holds up a pod: when more comes than can go
(RabbitMQ is away), the oldest lines go overboard, and each pod's own log says how many of its lines that were.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from knative.local.controller import Key
from knative.local.eventing.disks import DiskReports, DiskSource, Usage
from knative.local.eventing.durations import SCALE, bucket_of
from knative.local.eventing.ingress import Brokers, Unpublished
from knative.local.eventing.outgoing import Data, Outgoing, now
from knative.local.eventing.resources import SAMPLING, Running, Sampler
from knative.local.objects import Object

log = logging.getLogger(__name__)

LABEL = "capsule.dev/collect"
CONFIG_MAP = "capsule-collector"
INTERVAL = 1.0
MOST_LINES = 20_000
MOST_BYTES = 8 << 20
BATCH_LINES = 2_000
BATCH_BYTES = 512 << 10
LONGEST_LINE = 16 << 10
MOST_WINDOWS = 5_000
MOST_NOTES = 200
"""Pods whose logs say that lines were dropped; of more, only the platform's log does."""


def is_collected(object: Mapping[str, Any]) -> bool:
    return (object["metadata"].get("labels") or {}).get(LABEL) == "true"


Entry = dict[str, Any]


@dataclass(slots=True)
class Lines:
    """What pods wrote, the newest of it."""

    waiting: deque[tuple[Entry, int]] = field(default_factory=deque)
    bytes: int = 0
    dropped: dict[tuple[str, str], tuple[Entry, int]] = field(default_factory=dict)
    dropped_elsewhere: int = 0

    def add(self, entry: Entry) -> None:
        size = len(entry["line"]) + 300
        self.waiting.append((entry, size))
        self.bytes += size
        while len(self.waiting) > MOST_LINES or self.bytes > MOST_BYTES:
            oldest, size = self.waiting.popleft()
            self.bytes -= size
            self._drop(oldest)

    def _drop(self, entry: Entry) -> None:
        pod = (entry["namespace"], entry["pod"])
        if pod in self.dropped or len(self.dropped) < MOST_NOTES:
            self.dropped[pod] = (entry, self.dropped.get(pod, (entry, 0))[1] + 1)
        else:
            self.dropped_elsewhere += 1

    def take(self, platform: str) -> Data | None:
        """`platform`: the namespace in whose log it is said what cannot be said to each."""
        if not self.waiting and not self.dropped:
            return None
        entries = [_note(entry, count) for entry, count in self.dropped.values()]
        if self.dropped_elsewhere:
            unknown = {"at": now(), "namespace": platform, "pod": "collector", "labels": {}}
            entries.append(_note(unknown, self.dropped_elsewhere))
        self.dropped, self.dropped_elsewhere, size = {}, 0, 0
        while self.waiting and len(entries) < BATCH_LINES and size < BATCH_BYTES:
            entry, bytes = self.waiting.popleft()
            entries.append(entry)
            size += bytes
        self.bytes -= size
        return {"entries": entries}


def _note(like: Mapping[str, Any], dropped: int) -> Entry:
    text = f"{dropped} older lines were dropped: more was written than could be sent"
    return {**like, "container": "collector", "stream": "stderr", "line": text}


@dataclass(slots=True)
class Window:
    """Requests of one service, revision and status since the last batch."""

    labels: Mapping[str, str]
    count: int = 0
    seconds: float = 0.0
    durations: Counter[int] = field(default_factory=Counter)
    request_bytes: int = 0
    response_bytes: int = 0


WindowKey = tuple[str, str, str, int]
"""namespace, service, revision, status"""


class Collector:
    def __init__(self, brokers: Brokers) -> None:
        self._target: tuple[str, str] | None = None
        self._lines = Lines()
        self._requests: dict[WindowKey, Window] = {}
        self._since = ""
        self._resources: list[Mapping[str, Any]] = []
        self._sampler = Sampler()
        self._running: Running | None = None
        self._disk_reports: DiskReports | None = None
        self._disks: dict[str, Usage] = {}
        self._something = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._outgoing = (
            Outgoing(brokers, "logs.collected", self._take_lines),
            Outgoing(brokers, "requests.measured", self._take_requests),
            Outgoing(brokers, "resources.measured", self._take_resources),
        )

    def point(self, namespace: str, broker: str | None) -> None:
        """To which Broker; None: to none, and nothing is kept."""
        self._target = (namespace, broker) if broker else None
        if self._target is None:
            self._lines, self._requests, self._resources, self._disks = Lines(), {}, [], {}
            self._sampler.forget()
            if self._disk_reports is not None:
                self._disk_reports.forget()
            for outgoing in self._outgoing:
                outgoing.forget()

    def measure(self, running: Running, disks: DiskSource | None = None) -> None:
        """The pods whose use is sampled, and what measures the disk."""
        self._running = running
        self._disk_reports = DiskReports(disks) if disks is not None else None

    @property
    def is_pointed(self) -> bool:
        return self._target is not None

    # --- told by serving

    def lines(self, pod: Mapping[str, Any], stream: str, lines: Sequence[str], container: str = "user-container") -> None:
        """Lines that a pod's container wrote just now, without their ends."""
        if self._target is None or not is_collected(pod):
            return
        metadata, at = pod["metadata"], now()
        labels = metadata.get("labels") or {}
        for line in lines:
            text = line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + "…"
            self._lines.add({
                "at": at, "namespace": metadata["namespace"], "pod": metadata["name"], "container": container,
                "labels": labels, "stream": stream, "line": text,
            })  # fmt: skip
        self._something.set()

    def request(
        self, service: Mapping[str, Any], revision: str, status: int, seconds: float, request_bytes: int = 0, response_bytes: int = 0
    ) -> None:
        """A request to a Service that the ingress saw to its end."""
        if self._target is None or not is_collected(service):
            return
        metadata = service["metadata"]
        if not self._requests:
            self._since = now()
        key = (metadata["namespace"], metadata["name"], revision, status)
        window = self._requests.get(key)
        if window is None:
            if len(self._requests) >= MOST_WINDOWS:
                lost = self._requests.pop(next(iter(self._requests)))
                log.error("figures of %d requests are lost: RabbitMQ has been away for too long", lost.count)
            window = self._requests[key] = Window(metadata.get("labels") or {})
        window.count += 1
        window.seconds += seconds
        window.durations[bucket_of(seconds * 1000)] += 1
        window.request_bytes += request_bytes
        window.response_bytes += response_bytes
        self._sampler.asked(metadata["namespace"], metadata["name"])
        self._something.set()

    # --- to the Broker

    async def start(self) -> None:
        self._tasks = [asyncio.create_task(self._run(), name="collector"), asyncio.create_task(self._sample(), name="collector samples")]

    async def stop(self) -> None:
        if not self._tasks:
            return
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._resources += self._sampler.rest()
        await self._publish()

    async def _run(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            if not await self._publish() or self._lines.waiting or self._requests or self._resources or self._disks:
                self._something.set()
            await asyncio.sleep(INTERVAL)

    async def _sample(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(SAMPLING)
            self.sample(clock())

    def sample(self, clock: float) -> None:
        if self._running is None:
            return
        told = self._sampler.sample(((pod, used) for pod, used in self._running.used() if is_collected(pod)), clock)
        if told and self._target is not None:
            self._resources = (self._resources + told)[-MOST_WINDOWS:]
            self._something.set()
        if self._disk_reports is not None and self._target is not None:
            due = self._disk_reports.due(clock, has_windows=bool(told))
            if due:
                self._disks |= {usage["namespace"]: usage for usage in due}
                self._something.set()

    async def _publish(self) -> bool:
        """A batch of each; what the Broker does not take stays for the next time."""
        target = self._target
        if target is None:
            return True
        try:
            for outgoing in self._outgoing:
                await outgoing.send(*target)
        except Unpublished as error:
            log.info("what was collected waits: %s", error)
            return False
        return True

    def _take_lines(self) -> Data | None:
        return self._lines.take(self._target[0] if self._target else "")

    def _take_requests(self) -> Data | None:
        taken, self._requests = self._requests, {}
        return {"windows": _measured(taken, self._since)} if taken else None

    def _take_resources(self) -> Data | None:
        windows, self._resources = self._resources, []
        disks, self._disks = list(self._disks.values()), {}
        if not windows and not disks:
            return None
        return {"windows": windows, **({"disks": disks} if disks else {})}


def _measured(windows: Mapping[WindowKey, Window], since: str) -> list[dict[str, Any]]:
    until = now()
    return [
        {
            "from": since, "to": until, "namespace": namespace, "service": service, "revision": revision, "labels": window.labels,
            "status": status, "count": window.count, "durationMsSum": round(window.seconds * 1000, 3),
            "durations": {"scale": SCALE, "buckets": {str(bucket): count for bucket, count in sorted(window.durations.items())}},
            "requestBytes": window.request_bytes, "responseBytes": window.response_bytes,
        }
        for (namespace, service, revision, status), window in windows.items()
    ]  # fmt: skip


class CollectorConfig:
    """Follows ConfigMap capsule-collector: {broker: capsule}, in the Broker's namespace."""

    kind = "ConfigMap"

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._at: Key | None = None

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[Key]]]:
        return {}

    async def reconcile(self, object: Object) -> None:
        if object["metadata"]["name"] == CONFIG_MAP:
            self._at = (object["metadata"]["namespace"], CONFIG_MAP)
            self._collector.point(object["metadata"]["namespace"], (object.get("data") or {}).get("broker"))

    async def on_deleted(self, object: Object) -> None:
        if (object["metadata"]["namespace"], object["metadata"]["name"]) == self._at:
            self._at = None
            self._collector.point("", None)
