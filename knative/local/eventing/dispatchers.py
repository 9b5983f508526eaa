"""The dispatchers that run: one for each plan that Brokers and Triggers want, replaced when the plan changes (a roll-out, on a cluster)."""

import asyncio
import logging
from collections.abc import Callable

from knative.local.eventing.consumer import Queue
from knative.local.eventing.dispatcher import Dispatcher, Plan
from knative.local.eventing.ingress import Brokers
from knative.local.eventing.rabbit import Rabbit
from knative.local.eventing.sinks import Sinks, Way
from knative.local.eventing.topology import Topology

log = logging.getLogger(__name__)

Name = tuple[str, str, str]
"""what for ("trigger", "trigger-dlq", "broker"), namespace, name"""


class Dispatchers:
    def __init__(
        self, rabbit: Rabbit, sinks: Sinks, brokers: Brokers, topology: Topology, stop_as_cluster: bool, consuming: Callable[[str, str], bool]
    ) -> None:
        """`consuming` (namespace, Service): its pods take its messages themselves."""
        self._rabbit = rabbit
        self._sinks = sinks
        self._brokers = brokers
        self._topology = topology
        self._stop_as_cluster = stop_as_cluster
        self._consuming = consuming
        self._running: dict[Name, Dispatcher] = {}
        self._stopped = False

    async def want(self, name: Name, plan: Plan) -> None:
        running = self._running.get(name)
        if self._stopped or (running is not None and running.plan == plan):
            return
        await self.end(name)
        self._running[name] = Dispatcher(
            plan, self._rabbit, self._sinks, self._brokers, self._topology.restore, self._stop_as_cluster, lambda: self._is_spared(plan)
        )

    def _is_spared(self, plan: Plan) -> bool:
        return plan.sink.way is Way.SERVICE and not plan.dead_letters and self._consuming(plan.sink.namespace, plan.sink.name)

    def queues(self, namespace: str, service: str) -> list[Queue]:
        """What the pods of a Service may consume themselves: the queues of the Triggers that lead to it."""
        plans = [running.plan for (what, _, _), running in self._running.items() if what == "trigger"]
        return [
            Queue(plan.queue, plan.sink.url, plan.sink.path, plan.parallelism, plan.policy.timeout)
            for plan in plans
            if plan.sink.way is Way.SERVICE and (plan.sink.namespace, plan.sink.name) == (namespace, service)
        ]

    async def end(self, name: Name) -> None:
        if (running := self._running.pop(name, None)) is not None:
            await running.stop()
            log.info("%s ended: %s", running.plan.name, dict(running.counts))

    def counts(self) -> dict[Name, dict[str, int]]:
        """What became of the messages since each began: acknowledged, retried, lost, dead-lettered, dropped."""
        return {name: dict(running.counts) for name, running in self._running.items()}

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        self._stopped = True
        await asyncio.gather(*(self.end(name) for name in list(self._running)))
