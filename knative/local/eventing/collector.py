"""Publishes log lines, request measurements and resource usage of pods as events. On a cluster `knative.collector` does, on each node.

Serving reports each line and request of objects with label capsule.dev/collect: "true", synchronously and cheaply;
resources are sampled here. At most once a second, and only if there is something, a batch goes to the Broker that
ConfigMap `capsule-collector` names, as `logs.collected`, `requests.measured` and `resources.measured`; full batches of
lines follow each other faster. Pods never wait: if RabbitMQ is unavailable, lines are dropped, those of the namespace
with the most first (`log_buffer`).
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from functions.wire.knative_events import Event, now
from knative.collector.log_buffer import LogBuffer
from knative.collector.outgoing import Data, Outgoing, PublishFailed
from knative.collector.release_reports import ReleaseReports
from knative.collector.request_windows import RequestWindows
from knative.collector.resources import SAMPLE_SECONDS, PodSource, Sampler, is_collected
from knative.local.controller import Key
from knative.local.eventing.disks import DiskReports, DiskSource, Usage
from knative.local.eventing.ingress import Brokers
from knative.local.objects import Object

log = logging.getLogger(__name__)

CONFIG_MAP = "capsule-collector"
BATCH_SECONDS = 1.0
QUIET_SECONDS = 0.5
"""What is collected after nothing was waits so long. Its receivers may be at zero, and the functions that a command has just started need the
processor first."""
BACKLOG_SECONDS = 0.1
"""Between batches of log lines while a full one waits: 20,000 short lines a second."""
MAX_RESOURCE_WINDOWS = 5_000


class Collector:
    """A Runnable. Keeps nothing while it has no target."""

    def __init__(self, brokers: Brokers) -> None:
        self._brokers = brokers
        self._target: tuple[str, str] | None = None
        self._logs = LogBuffer()
        self._requests = RequestWindows()
        self._resources: list[Mapping[str, Any]] = []
        self._sampler = Sampler()
        self._reports = ReleaseReports(BATCH_SECONDS)
        self._pods: PodSource | None = None
        self._disk_reports: DiskReports | None = None
        self._disks: dict[str, Usage] = {}
        self._has_data = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._outgoing = (
            Outgoing("logs.collected", self._take_logs),
            Outgoing("requests.measured", self._requests.take_batch),
            Outgoing("resources.measured", self._take_resources),
        )

    def set_target(self, namespace: str, broker: str | None) -> None:
        """Publish to this Broker from now on. None: to none; what was collected is discarded."""
        self._target = (namespace, broker) if broker else None
        if self._target is None:
            self._logs, self._resources, self._disks = LogBuffer(), [], {}
            self._requests.take_batch()
            self._sampler.discard()
            if self._disk_reports is not None:
                self._disk_reports.discard()
            for outgoing in self._outgoing:
                outgoing.discard()

    def set_sources(self, pods: PodSource, disks: DiskSource | None = None) -> None:
        """Set the pods whose resources are sampled, and the source of disk usage."""
        self._pods = pods
        self._disk_reports = DiskReports(disks) if disks is not None else None

    @property
    def has_target(self) -> bool:
        return self._target is not None

    # --- called by serving

    def add_lines(self, pod: Mapping[str, Any], stream: str, lines: Sequence[str], container: str = "user-container") -> None:
        """Add lines, without line ends, that a container of a pod has just written."""
        if self._target is None or not is_collected(pod):
            return
        metadata, at = pod["metadata"], now()
        labels = metadata.get("labels") or {}
        for line in lines:
            self._logs.add({
                "at": at, "namespace": metadata["namespace"], "pod": metadata["name"], "container": container,
                "labels": labels, "stream": stream, "line": line,
            })  # fmt: skip
        self._has_data.set()

    def add_request(
        self, service: Mapping[str, Any], revision: str, status: int, seconds: float, request_bytes: int = 0, response_bytes: int = 0
    ) -> None:
        """Add a completed request to a Service."""
        if self._target is None or not is_collected(service):
            return
        self._requests.add(service, revision, status, seconds, request_bytes, response_bytes)
        self._sampler.note_request(service["metadata"]["namespace"], service["metadata"]["name"])
        self._has_data.set()

    # --- publishing

    async def start(self) -> None:
        self._tasks = [asyncio.create_task(self._run(), name="collector"), asyncio.create_task(self._sample(), name="collector samples")]

    async def stop(self) -> None:
        if not self._tasks:
            return
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._resources += self._sampler.take_all()
        await self.publish()

    async def _run(self) -> None:
        while True:
            if not self._has_data.is_set():
                await self._has_data.wait()
                await asyncio.sleep(QUIET_SECONDS)
            self._has_data.clear()
            is_sent = await self.publish()
            if not is_sent or self._logs.waiting or self._requests or self._resources or self._disks:
                self._has_data.set()
            await asyncio.sleep(BACKLOG_SECONDS if is_sent and self._logs.has_full_batch else BATCH_SECONDS)

    async def _sample(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(SAMPLE_SECONDS)
            self.sample(clock())

    def sample(self, clock: float) -> None:
        """Sample resources and disks. `clock` in seconds."""
        if self._pods is None:
            return
        used = [(pod, usage) for pod, usage in self._pods.used() if is_collected(pod)]
        windows = self._sampler.sample(used, clock)
        if self._target is not None:
            for pod in self._reports.due((pod for pod, _ in used if self._pods.is_ready(pod)), clock):
                self._requests.add_report(pod)
                self._has_data.set()
        if windows and self._target is not None:
            self._resources = (self._resources + windows)[-MAX_RESOURCE_WINDOWS:]
            self._has_data.set()
        if self._disk_reports is not None and self._target is not None:
            due = self._disk_reports.due(clock, has_windows=bool(windows))
            if due:
                self._disks |= {usage["namespace"]: usage for usage in due}
                self._has_data.set()

    async def publish(self) -> bool:
        """Publish a batch of each type. Returns whether all were confirmed; the others are sent again by the next call."""
        target = self._target
        if target is None:
            return True
        try:
            for outgoing in self._outgoing:
                await outgoing.send(partial(self._publish, *target))
        except PublishFailed as error:
            log.info("collected data is kept and sent again: %s", error)
            return False
        return True

    async def _publish(self, namespace: str, broker: str, event: Event) -> None:
        await self._brokers.publish(namespace, broker, event)

    def _take_logs(self) -> Data | None:
        return self._logs.take_batch(self._target[0] if self._target else "")

    def _take_resources(self) -> Data | None:
        windows, self._resources = self._resources, []
        disks, self._disks = list(self._disks.values()), {}
        if not windows and not disks:
            return None
        return {"windows": windows, **({"disks": disks} if disks else {})}


class CollectorConfig:
    """Reconciles ConfigMap capsule-collector, whose `data.broker` names a Broker of its namespace."""

    kind = "ConfigMap"

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._key: Key | None = None

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[Key]]]:
        return {}

    async def reconcile(self, object: Object) -> None:
        if object["metadata"]["name"] == CONFIG_MAP:
            self._key = (object["metadata"]["namespace"], CONFIG_MAP)
            self._collector.set_target(object["metadata"]["namespace"], (object.get("data") or {}).get("broker"))

    async def on_deleted(self, object: Object) -> None:
        if (object["metadata"]["namespace"], object["metadata"]["name"]) == self._key:
            self._key = None
            self._collector.set_target("", None)
