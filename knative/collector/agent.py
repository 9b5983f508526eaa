"""The collector of one node of a cluster: reads, measures and publishes until it is stopped."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from functions.wire.knative_events import Event, now
from knative.collector import kubelet, queue_proxy, state
from knative.collector.log_buffer import LogBuffer
from knative.collector.outgoing import Data, Outgoing, Publish, PublishFailed
from knative.collector.pod_usage import PodUsage
from knative.collector.pods import is_ready
from knative.collector.release_reports import ReleaseReports
from knative.collector.request_counters import RequestCounters
from knative.collector.request_windows import RequestWindows
from knative.collector.resources import REVISION, Object, Sampler
from knative.collector.state import State
from knative.collector.tailer import LOGS, Tailer

log = logging.getLogger(__name__)

READ_SECONDS = 1.0
"""Between two looks at the log files."""
BATCH_SECONDS = 1.0
BACKLOG_SECONDS = 0.1
"""Between batches of log lines while a full one waits."""
SAMPLE_SECONDS = 10.0
"""The kubelet measures no more often."""
CONCURRENT_SCRAPES = 8
MAX_RESOURCE_WINDOWS = 5_000
PLATFORM = "capsule"
APPLICATION = "capsule.dev/application"
"""Label of the pods of applications. Requests to the platform's functions are not published."""
STOP_SECONDS = 5.0


class Pods(Protocol):
    """The collected pods of this node."""

    synced: asyncio.Event

    def all(self) -> list[Object]: ...


class Metrics(Protocol):
    """Both raise aiohttp.ClientError, OSError, TimeoutError or ValueError."""

    async def request_metrics(self, address: str) -> str: ...
    async def resource_metrics(self) -> str: ...


class Agent:
    """`folder`: of the state. `interval_seconds`: between two readings of requests."""

    def __init__(self, pods: Pods, metrics: Metrics, publish: Publish, folder: Path, interval_seconds: float, logs: Path = LOGS) -> None:
        self._pods = pods
        self._metrics = metrics
        self._publish = publish
        self._folder = folder
        self._interval = interval_seconds
        restored = state.load(folder)
        baseline_before = "" if restored else now()
        self._state = restored or State()
        self._logs = LogBuffer()
        self._tailer = Tailer(self._logs, self._state.positions, logs)
        self._requests = RequestWindows()
        self._counters = RequestCounters(dict(self._state.requests), baseline_before=baseline_before)
        self._usage = PodUsage(self._state.counters, baseline_before)
        self._sampler = Sampler()
        self._sampler.restore(self._state.resources)
        self._resources: list[Any] = []
        self._reports = ReleaseReports(interval_seconds)
        self._unreadable: set[str] = set()
        """Addresses of queue-proxies and kubelets that did not answer the last time, so that each is logged once."""
        self._log_batches = Outgoing("logs.collected", lambda: self._logs.take_batch(PLATFORM))
        self._request_batches = Outgoing("requests.measured", self._requests.take_batch)
        self._resource_batches = Outgoing("resources.measured", self._take_resources)
        self._outgoing = (self._log_batches, self._request_batches, self._resource_batches)
        pending = {event.get("type"): event for event in self._state.pending}
        for each in self._outgoing:
            each.frozen = pending.get(each.type)

    async def run(self) -> None:
        """Run until it is cancelled; then publish what has been read, for at most STOP_SECONDS."""
        try:
            await self._pods.synced.wait()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._every(READ_SECONDS, self._read))
                group.create_task(self._every(self._interval, self.scrape))
                group.create_task(self._every(SAMPLE_SECONDS, self.sample))
                group.create_task(self._publish_batches())
        finally:
            await self._stop()

    async def _stop(self) -> None:
        self._resources += self._sampler.take_all()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.publish()
        except TimeoutError:
            log.warning("RabbitMQ did not confirm the last batch in time: the next run sends it again")
        self._tailer.close()

    async def _every(self, seconds: float, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            await step()
            await asyncio.sleep(seconds)

    async def _read(self) -> None:
        self.read()

    def read(self) -> int:
        """Read log files once. Returns the number of new lines."""
        return self._tailer.read(self._pods.all())

    async def scrape(self) -> None:
        """Read the requests of the applications' pods on this node. A release is reported only if its queue-proxy answers."""
        pods = [pod for pod in self._pods.all() if {APPLICATION, REVISION} <= pod["metadata"]["labels"].keys() and pod["status"]["podIP"]]
        limit = asyncio.Semaphore(CONCURRENT_SCRAPES)

        async def scrape(pod: Object) -> Object | None:
            async with limit:
                return pod if await self._scrape(pod) else None

        measured = [pod for pod in await asyncio.gather(*map(scrape, pods)) if pod is not None and is_ready(pod)]
        for pod in self._reports.due(measured, asyncio.get_running_loop().time()):
            self._requests.add_report(pod)

    async def _scrape(self, pod: Object) -> bool:
        metadata, address = pod["metadata"], pod["status"]["podIP"]
        name = f"{metadata['namespace']}/{metadata['name']}"
        text = await self._fetch(self._metrics.request_metrics(address), address if is_ready(pod) else "", f"the queue-proxy of {name}")
        if text is None:
            return False
        try:
            counted = queue_proxy.parse(text)
        except ValueError as error:
            log.warning("%s: the metrics of its queue-proxy cannot be read: %s", name, error)
            return False
        if self._counters.add(pod, counted, self._requests):
            self._sampler.note_request(metadata["namespace"], metadata["labels"].get("serving.knative.dev/service", ""))
        return True

    async def sample(self) -> None:
        """Read CPU and memory of this node's pods."""
        text = await self._fetch(self._metrics.resource_metrics(), "kubelet", "the kubelet of this node")
        if text is None:
            return
        try:
            usage = kubelet.parse(text)
        except ValueError as error:
            log.warning("the kubelet's metrics cannot be read: %s", error)
            return
        used = self._usage.update(self._pods.all(), usage)
        windows = self._sampler.sample(used, asyncio.get_running_loop().time())
        self._resources = [*self._resources, *windows][-MAX_RESOURCE_WINDOWS:]

    async def _fetch(self, request: Awaitable[str], key: str, name: str) -> str | None:
        """Await a response. A failure is logged when it is the first in a row; with an empty `key` never."""
        try:
            text = await request
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            if key and key not in self._unreadable:
                log.warning("%s does not answer: %s", name, error or type(error).__name__)
                self._unreadable.add(key)
            return None
        self._unreadable.discard(key)
        return text

    async def _publish_batches(self) -> None:
        while True:
            is_sent = await self.publish()
            await asyncio.sleep(BACKLOG_SECONDS if is_sent and self._logs.has_full_batch else BATCH_SECONDS)

    async def publish(self) -> bool:
        """Publish a batch of each type. Returns whether all were confirmed; the others are sent again by the next call."""
        self._freeze()
        try:
            for each in self._outgoing:
                await each.send_frozen(self._publish)
        except PublishFailed as error:
            log.info("collected data is kept and sent again: %s", error)
            return False
        return True

    def _freeze(self) -> None:
        """Make batches, and store them with what is behind them. After this a restart repeats and loses nothing of them."""
        uids = {pod["metadata"]["uid"] for pod in self._pods.all()}
        frozen = [each for each in self._outgoing if each.freeze()]
        if not frozen:
            return
        if self._log_batches in frozen:
            known = self._tailer.keys()
            positions = {**self._state.positions, **self._logs.positions}
            self._state.positions = {key: position for key, position in positions.items() if key in known}
            self._logs.positions.clear()
        if self._request_batches in frozen:
            self._counters.mark_reported(uids)
            self._state.requests = self._counters.reported
        if self._resource_batches in frozen:
            self._state.resources = self._sampler.counters()
        self._state.counters = self._usage.counters
        self._state.pending = self._pending()
        state.save(self._folder, self._state)

    def _pending(self) -> Sequence[Event]:
        return [each.frozen for each in self._outgoing if each.frozen is not None]

    def _take_resources(self) -> Data | None:
        windows, self._resources = self._resources, []
        return {"windows": windows} if windows else None
