"""The running dispatchers: one for each spec that Brokers and Triggers need, replaced when the spec changes (a roll-out, on a cluster)."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from functions.wire.queue_consumption import ConsumedQueue
from knative.local.eventing.dispatcher import Dispatcher, DispatcherSpec
from knative.local.eventing.ingress import Brokers
from knative.local.eventing.rabbit import RabbitMQ
from knative.local.eventing.sinks import SinkKind, Sinks
from knative.local.eventing.topology import Topology

log = logging.getLogger(__name__)

Name = tuple[str, str, str]
"""purpose ("trigger", "trigger-dlq", "broker"), namespace, name"""


class Dispatchers:
    """A Runnable. `is_consumed` (namespace, Service): whether the Service's pods consume its queues themselves."""

    def __init__(
        self,
        rabbit: RabbitMQ,
        sinks: Sinks,
        brokers: Brokers,
        topology: Topology,
        dead_letter_on_stop: bool,
        is_consumed: Callable[[str, str], bool],
    ) -> None:
        self._rabbit = rabbit
        self._sinks = sinks
        self._brokers = brokers
        self._topology = topology
        self._dead_letter_on_stop = dead_letter_on_stop
        self._is_consumed = is_consumed
        self._running: dict[Name, Dispatcher] = {}
        self._of_sink: dict[tuple[str, str], dict[Name, None]] = {}
        """(namespace, name of a sink) → the dispatchers of its Triggers."""
        self._is_stopped = False

    async def ensure(self, name: Name, spec: DispatcherSpec) -> None:
        """Run a dispatcher with this spec, instead of the one that runs under the name. Idempotent."""
        running = self._running.get(name)
        if self._is_stopped or (running is not None and running.spec == spec):
            return
        await self.remove(name)
        self._running[name] = Dispatcher(
            spec,
            self._rabbit,
            self._sinks,
            self._brokers,
            self._topology.restore_queue,
            self._dead_letter_on_stop,
            lambda: self._is_paused(spec),
        )
        if name[0] == "trigger":
            self._of_sink.setdefault((spec.sink.namespace, spec.sink.name), {})[name] = None

    def _is_paused(self, spec: DispatcherSpec) -> bool:
        return spec.sink.kind is SinkKind.SERVICE and not spec.is_for_dead_letters and self._is_consumed(spec.sink.namespace, spec.sink.name)

    def queues(self, namespace: str, service: str) -> list[ConsumedQueue]:
        """Return the queues that the pods of a Service may consume themselves: those of Triggers whose subscriber it is."""
        specs = [self._running[name].spec for name in self._of_sink.get((namespace, service), ())]
        return [
            ConsumedQueue(spec.queue, spec.sink.url, spec.sink.path, spec.parallelism, spec.policy.timeout_seconds)
            for spec in specs
            if spec.sink.kind is SinkKind.SERVICE
        ]

    def has_all(self, triggers: Iterable[tuple[str, str]]) -> bool:
        """Whether each of these Triggers (namespace, name) has a dispatcher."""
        return all(("trigger", *key) in self._running for key in triggers)

    async def remove(self, name: Name) -> None:
        """Stop a dispatcher, if it runs."""
        if (running := self._running.pop(name, None)) is not None:
            self._of_sink.get((running.spec.sink.namespace, running.spec.sink.name), {}).pop(name, None)
            await running.stop()
            if running.counts or not self._is_stopped:  # at the end of the process, hundreds have nothing to tell
                log.info("%s: dispatcher stopped: %s", running.spec.name, dict(running.counts))

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        self._is_stopped = True
        await asyncio.gather(*(self.remove(name) for name in list(self._running)))
