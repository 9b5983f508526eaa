"""Log lines of pods and measured requests, as events: what an agent on each node posts on a cluster.

Serving tells it, synchronously and cheaply, of every line and request whose object asks for it (label capsule.dev/collect: "true"). At
most once a second, and only when there is something, what was gathered goes to the Broker that ConfigMap `capsule-collector` names, as
`logs.collected` and `requests.measured`. It never holds up a pod: when more comes than can go (RabbitMQ is away), the oldest lines go
overboard, and the next batch has an entry that says how many.
"""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from knative.local.controller import Key
from knative.local.eventing import events
from knative.local.eventing.events import Event
from knative.local.eventing.ingress import Brokers, Unpublished
from knative.local.objects import Object

log = logging.getLogger(__name__)

LABEL = "capsule.dev/collect"
CONFIG_MAP = "capsule-collector"
SOURCE = "/capsule/collector"
INTERVAL = 1.0
MOST_LINES = 20_000
MOST_BYTES = 8 << 20
BATCH_LINES = 2_000
BATCH_BYTES = 512 << 10
LONGEST_LINE = 16 << 10
MOST_WINDOWS = 5_000


def is_collected(object: Mapping[str, Any]) -> bool:
    return (object["metadata"].get("labels") or {}).get(LABEL) == "true"


def _now() -> str:
    return events.canonical_time(datetime.now(UTC).isoformat().replace("+00:00", "Z"))


@dataclass(slots=True)
class Window:
    """Requests of one service, revision and status since the last batch."""

    labels: Mapping[str, str]
    count: int = 0
    seconds: float = 0.0
    request_bytes: int = 0
    response_bytes: int = 0


WindowKey = tuple[str, str, str, int]
"""namespace, service, revision, status"""


@dataclass(slots=True)
class Gathered:
    lines: deque[tuple[dict[str, Any], int]] = field(default_factory=deque)
    bytes: int = 0
    dropped: int = 0
    windows: dict[WindowKey, Window] = field(default_factory=dict)
    since: str = ""


class Collector:
    def __init__(self, brokers: Brokers) -> None:
        self._brokers = brokers
        self._target: tuple[str, str] | None = None
        self._gathered = Gathered()
        self._something = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def point(self, namespace: str, broker: str | None) -> None:
        """To which Broker; None: to none, and nothing is kept."""
        self._target = (namespace, broker) if broker else None
        if self._target is None:
            self._gathered = Gathered()

    @property
    def is_pointed(self) -> bool:
        return self._target is not None

    # --- told by serving

    def lines(self, pod: Mapping[str, Any], stream: str, lines: Sequence[str], container: str = "user-container") -> None:
        """Lines that a pod's container wrote just now, without their ends."""
        if self._target is None or not is_collected(pod):
            return
        metadata, gathered, at = pod["metadata"], self._gathered, _now()
        labels = metadata.get("labels") or {}
        for line in lines:
            text = line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + "…"
            entry = {
                "at": at, "namespace": metadata["namespace"], "pod": metadata["name"], "container": container,
                "labels": labels, "stream": stream, "line": text,
            }  # fmt: skip
            size = len(text) + 300
            gathered.lines.append((entry, size))
            gathered.bytes += size
        while len(gathered.lines) > MOST_LINES or gathered.bytes > MOST_BYTES:
            _, size = gathered.lines.popleft()
            gathered.bytes -= size
            gathered.dropped += 1
        self._something.set()

    def request(
        self, service: Mapping[str, Any], revision: str, status: int, seconds: float, request_bytes: int = 0, response_bytes: int = 0
    ) -> None:
        """A request to a Service that the ingress saw to its end."""
        if self._target is None or not is_collected(service):
            return
        metadata, gathered = service["metadata"], self._gathered
        if not gathered.windows:
            gathered.since = _now()
        key = (metadata["namespace"], metadata["name"], revision, status)
        window = gathered.windows.get(key)
        if window is None:
            if len(gathered.windows) >= MOST_WINDOWS:
                gathered.windows.pop(next(iter(gathered.windows)))
                gathered.dropped += 1
            window = gathered.windows[key] = Window(metadata.get("labels") or {})
        window.count += 1
        window.seconds += seconds
        window.request_bytes += request_bytes
        window.response_bytes += response_bytes
        self._something.set()

    # --- to the Broker

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="collector")

    async def stop(self) -> None:
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._publish()

    async def _run(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            if not await self._publish() or self._gathered.lines or self._gathered.windows:
                self._something.set()
            await asyncio.sleep(INTERVAL)

    async def _publish(self) -> bool:
        """One batch of each; what the Broker does not take is kept for the next time."""
        target = self._target
        if target is None:
            return True
        taken, windows = self._take(), self._gathered.windows
        since, self._gathered.windows = self._gathered.since, {}
        try:
            if taken:
                entries = [entry for entry, _ in taken]
                if self._gathered.dropped:
                    entries.insert(0, self._confession(entries[0], self._gathered.dropped))
                await self._brokers.publish(*target, _event("logs.collected", {"entries": entries}))
                self._gathered.dropped = 0
                taken = []
            if windows:
                await self._brokers.publish(*target, _event("requests.measured", {"windows": _measured(windows, since)}))
                windows = {}
        except Unpublished as error:
            self._keep(taken, windows, since)
            log.info("what was collected waits: %s", error)
            return False
        return True

    def _take(self) -> list[tuple[dict[str, Any], int]]:
        gathered, size = self._gathered, 0
        taken: list[tuple[dict[str, Any], int]] = []
        while gathered.lines and len(taken) < BATCH_LINES and size < BATCH_BYTES:
            taken.append(gathered.lines.popleft())
            size += taken[-1][1]
        gathered.bytes -= size
        return taken

    def _keep(self, taken: list[tuple[dict[str, Any], int]], windows: dict[WindowKey, Window], since: str) -> None:
        gathered = self._gathered
        gathered.lines.extendleft(reversed(taken))
        gathered.bytes += sum(size for _, size in taken)
        if not windows:
            return
        for key, window in gathered.windows.items():
            kept = windows.setdefault(key, Window(window.labels))
            kept.count += window.count
            kept.seconds += window.seconds
            kept.request_bytes += window.request_bytes
            kept.response_bytes += window.response_bytes
        gathered.windows, gathered.since = windows, since

    def _confession(self, like: Mapping[str, Any], dropped: int) -> dict[str, Any]:
        return {
            **like, "container": "collector", "stream": "stderr",
            "line": f"{dropped} older lines were dropped: more was written than could be sent",
        }  # fmt: skip


def _measured(windows: Mapping[WindowKey, Window], since: str) -> list[dict[str, Any]]:
    until = _now()
    return [
        {
            "from": since, "to": until, "namespace": namespace, "service": service, "revision": revision, "labels": window.labels,
            "status": status, "count": window.count, "durationMsSum": round(window.seconds * 1000, 3),
            "requestBytes": window.request_bytes, "responseBytes": window.response_bytes,
        }
        for (namespace, service, revision, status), window in windows.items()
    ]  # fmt: skip


def _event(type: str, data: Mapping[str, Any]) -> Event:
    attributes = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": SOURCE, "type": type, "time": _now()}
    return Event({**attributes, "datacontenttype": "application/json"}, data=orjson.dumps(data))


class CollectorConfig:
    """Follows ConfigMap capsule-collector: {broker: capsule}, in the Broker's namespace."""

    kind = "ConfigMap"

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._at: Key | None = None

    def also(self) -> Mapping[str, Callable[[Object], Iterable[Key]]]:
        return {}

    async def reconcile(self, object: Object) -> None:
        if object["metadata"]["name"] == CONFIG_MAP:
            self._at = (object["metadata"]["namespace"], CONFIG_MAP)
            self._collector.point(object["metadata"]["namespace"], (object.get("data") or {}).get("broker"))

    async def gone(self, object: Object) -> None:
        if (object["metadata"]["namespace"], object["metadata"]["name"]) == self._at:
            self._at = None
            self._collector.point("", None)
