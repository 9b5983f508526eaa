"""Exchange, Queue and Binding objects (rabbitmq.com/v1beta1) → RabbitMQ: the messaging topology operator of a cluster.

Brokers and Triggers write these objects, and whoever needs the name of an exchange or queue reads it from them. This
machine has one RabbitMQ and one virtual host: `rabbitmqClusterReference` and `vhost` are stored but not followed. After
a reconnect everything is declared again, since RabbitMQ may have lost it. A finalizer keeps a deleted object until
RabbitMQ has deleted its counterpart, as with the operator.

After a start, a RabbitMQ that is recognized (`broker_mark`) has what is ready: thousands of declarations that would change nothing follow later and
slowly, for what somebody has deleted by hand. One that is not recognized gets everything first.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from knative.local.controller import Key, RequeueAfter
from knative.local.eventing.administration import Administration
from knative.local.eventing.broker_mark import BrokerMark
from knative.local.eventing.conditions import Condition, condition_list, condition_of, false
from knative.local.eventing.rabbit import ChannelRefused, RabbitMQ, RabbitMQUnavailable
from knative.local.objects import Object
from knative.local.store import Conflict, NotFound, Store

log = logging.getLogger(__name__)

PRECONDITION_FAILED = 406
UNAVAILABLE_REQUEUE_SECONDS = 1.0
REFUSED_REQUEUE_SECONDS = 10.0
MARK_POLL_SECONDS = 1.0
VERIFY_AFTER_SECONDS = 30.0
"""After the start beside a RabbitMQ that is recognized: `up` and the first requests come first."""
VERIFY_PAUSE_SECONDS = 0.02
"""Between two objects."""


class _TopologyReconciler(ABC):
    kind: str
    finalizer: str

    def __init__(self, store: Store, administration: Administration) -> None:
        self._store = store
        self._administration = administration
        self.trusts_conditions = False
        """Whether RabbitMQ has what is ready, so that it is not declared again."""
        self._declared: set[str] = set()
        """The uids of what was declared since the connection was established, while conditions are not trusted."""

    @abstractmethod
    async def declare(self, spec: Mapping[str, Any]) -> None: ...

    @abstractmethod
    async def delete(self, spec: Mapping[str, Any]) -> None: ...

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[Key]]]:
        return {}

    async def on_deleted(self, object: Object) -> None:
        return None

    async def reconcile(self, object: Object) -> None:
        is_trusted = self.trusts_conditions or object["metadata"]["uid"] in self._declared
        if not (is_trusted and self._is_declared(object)):
            await self._declare(object)

    def _is_declared(self, object: Object) -> bool:
        metadata, status = object["metadata"], object.get("status") or {}
        is_current = status.get("observedGeneration") == metadata.get("generation", 1) and "deletionTimestamp" not in metadata
        return is_current and self.finalizer in metadata.get("finalizers", []) and condition_of(object).status == "True"

    async def _declare(self, object: Object) -> None:
        metadata = object["metadata"]
        try:
            if "deletionTimestamp" in metadata:
                await self._finalize(object)
                return
            if self.finalizer not in metadata.get("finalizers", []):
                metadata["finalizers"] = [*metadata.get("finalizers", []), self.finalizer]
                object = self._store.update(object)
            await self.declare(object["spec"])
        except RabbitMQUnavailable as error:
            self.set_ready(object, false("FailedCreateOrUpdate", str(error)))
            raise RequeueAfter(UNAVAILABLE_REQUEUE_SECONDS, str(error)) from error
        except ChannelRefused as error:
            self.set_ready(object, false("FailedCreateOrUpdate", str(error)))
            raise RequeueAfter(REFUSED_REQUEUE_SECONDS, str(error)) from error
        self.set_ready(object, Condition("True", "SuccessfulCreateOrUpdate"))
        if not self.trusts_conditions:
            self._declared.add(metadata["uid"])

    async def _finalize(self, object: Object) -> None:
        finalizers = object["metadata"].get("finalizers", [])
        if self.finalizer in finalizers:
            await self.delete(object["spec"])
            object["metadata"]["finalizers"] = [each for each in finalizers if each != self.finalizer]
            self._store.update(object)

    def set_ready(self, object: Object, ready: Condition) -> None:
        metadata = object["metadata"]
        status = {"observedGeneration": metadata.get("generation", 1), "conditions": condition_list(object, {"Ready": ready})}
        try:
            self._store.set_status(self.kind, metadata["namespace"], metadata["name"], status)
        except NotFound:
            log.debug("%s %s was deleted while it was declared", self.kind, metadata["name"])

    def mark_unavailable(self) -> None:
        """Set Ready to False on all objects of this kind: the connection was lost and RabbitMQ may return without them, or it does not have them.

        Brokers and Triggers derive their condition from it.
        """
        self.trusts_conditions = False
        self._declared.clear()
        for object in self._store.list(self.kind):
            if condition_of(object).status == "True":
                self.set_ready(object, false("FailedCreateOrUpdate", "RabbitMQ is unavailable"))

    def trust_conditions(self) -> None:
        """From now on, what is ready is not declared again."""
        self.trusts_conditions = True
        self._declared.clear()

    def has_declared_all(self) -> bool:
        """Whether each object was declared since the connection was established, while conditions are not trusted."""
        return all(entry.uid in self._declared for entry in self._store.entries(self.kind))

    async def declare_all(self, pause_seconds: float = 0.0) -> None:
        """Declare every object of this kind again, with a pause after each."""
        for entry in list(self._store.entries(self.kind)):
            if (object := self._store.find(*entry.key)) is None:
                continue
            try:
                await self._declare(object)
            except (RequeueAfter, Conflict) as error:
                log.debug("%s %s is left to the controller: %s", self.kind, object["metadata"]["name"], error)
            if pause_seconds:
                await asyncio.sleep(pause_seconds)


class Exchanges(_TopologyReconciler):
    kind = "Exchange.rabbitmq.com"
    finalizer = "deletion.finalizers.exchanges.rabbitmq.com"

    async def declare(self, spec: Mapping[str, Any]) -> None:
        await self._administration.call(
            "exchange_declare",
            exchange=spec["name"],
            exchange_type=spec.get("type", "direct"),
            durable=spec.get("durable", False),
            auto_delete=spec.get("autoDelete", False),
            arguments=spec.get("arguments"),
        )

    async def delete(self, spec: Mapping[str, Any]) -> None:
        await self._administration.call_if_exists("exchange_delete", exchange=spec["name"])


class Queues(_TopologyReconciler):
    kind = "Queue.rabbitmq.com"
    finalizer = "deletion.finalizers.queues.rabbitmq.com"

    async def declare(self, spec: Mapping[str, Any]) -> None:
        """Declare a queue. One that exists with other arguments stays as it is: its messages matter more than their expiry policy."""
        arguments = dict(spec.get("arguments") or {})
        if spec.get("type"):
            arguments["x-queue-type"] = spec["type"]
        try:
            await self._administration.call(
                "queue_declare",
                queue=spec["name"],
                durable=spec.get("durable", False),
                auto_delete=spec.get("autoDelete", False),
                arguments=arguments,
            )
        except ChannelRefused as refused:
            if refused.code != PRECONDITION_FAILED:
                raise
            await self._administration.call("queue_declare", queue=spec["name"], passive=True)
            log.warning("queue %s exists with other arguments and is used unchanged: %s", spec["name"], refused)

    async def delete(self, spec: Mapping[str, Any]) -> None:
        if spec.get("deletionPolicy") != "retain":
            await self._administration.call_if_exists("queue_delete", queue=spec["name"])


class Bindings(_TopologyReconciler):
    kind = "Binding.rabbitmq.com"
    finalizer = "deletion.finalizers.bindings.rabbitmq.com"

    async def declare(self, spec: Mapping[str, Any]) -> None:
        if spec.get("destinationType") == "exchange":
            await self._administration.call("exchange_bind", **_binding(spec, "destination", "source"))
        else:
            await self._administration.call("queue_bind", **_binding(spec, "queue", "exchange"))

    async def delete(self, spec: Mapping[str, Any]) -> None:
        if spec.get("destinationType") == "exchange":
            await self._administration.call_if_exists("exchange_unbind", **_binding(spec, "destination", "source"))
        else:
            await self._administration.call_if_exists("queue_unbind", **_binding(spec, "queue", "exchange"))


def _binding(spec: Mapping[str, Any], destination: str, source: str) -> dict[str, Any]:
    """The arguments of a bind or unbind call; `destination` and `source` are pika's names for the two ends."""
    return {
        destination: spec["destination"],
        source: spec["source"],
        "routing_key": spec.get("routingKey", ""),
        "arguments": spec.get("arguments") or {},
    }


class Topology:
    """The three reconcilers, and the Runnable that recognizes RabbitMQ and declares everything again after a reconnect."""

    def __init__(self, store: Store, rabbit: RabbitMQ, mark_file: Path | None = None) -> None:
        """`mark_file`: names the mark of the RabbitMQ in which everything was declared; None: none is recognized."""
        self.administration = Administration(rabbit)
        self.exchanges = Exchanges(store, self.administration)
        self.queues = Queues(store, self.administration)
        self.bindings = Bindings(store, self.administration)
        self._store = store
        self._mark = BrokerMark(self.administration, mark_file)
        self._following: asyncio.Task[None] | None = None
        self._was_connected = False
        self._recognized = asyncio.Event()
        rabbit.add_listener(self._on_connection)

    @property
    def reconcilers(self) -> Sequence[_TopologyReconciler]:
        return (self.exchanges, self.queues, self.bindings)

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    async def wait_until_recognized(self) -> None:
        """Return when RabbitMQ is connected and it is known whether it has what is ready."""
        await self._recognized.wait()

    def _on_connection(self, is_up: bool) -> None:
        if self._following is not None:
            self._following.cancel()
            self._following = None
        if is_up:
            self._following = asyncio.create_task(self._follow_connection(is_first=not self._was_connected), name="declare topology")
        else:
            self._recognized.clear()
            self._mark_unavailable()
        self._was_connected = True

    async def _follow_connection(self, is_first: bool) -> None:
        try:
            is_known = await self._recognize()
            if is_known and is_first:
                self._trust_conditions()
                self._recognized.set()
                await asyncio.sleep(VERIFY_AFTER_SECONDS)
                await self._declare_all(VERIFY_PAUSE_SECONDS)
                return
            await self._declare_all()  # in order: a binding needs its ends
            self._recognized.set()
            while not all(reconciler.has_declared_all() for reconciler in self.reconcilers):  # noqa: ASYNC110 - once, and nothing waits for it
                await asyncio.sleep(MARK_POLL_SECONDS)
            await self._mark.declare()
            self._trust_conditions()
        except RabbitMQUnavailable as error:
            log.debug("left to the next connection: %s", error)
        except ChannelRefused as refused:
            log.warning("RabbitMQ is not marked, so everything is declared at each start: %s", refused)

    async def _recognize(self) -> bool:
        """Return whether this RabbitMQ has what is ready. Raises RabbitMQUnavailable."""
        try:
            if await self._mark.is_present():
                return True
            if self._mark.is_chosen:  # it is another RabbitMQ, or it was reset
                log.warning("RabbitMQ does not have what was declared before: everything is declared again")
                self._mark_unavailable()
            self._mark.renew()
        except (ChannelRefused, OSError) as error:
            log.warning("RabbitMQ is not recognized, so everything is declared: %s", error)
        return False

    def _mark_unavailable(self) -> None:
        for reconciler in self.reconcilers:
            reconciler.mark_unavailable()

    def _trust_conditions(self) -> None:
        for reconciler in self.reconcilers:
            reconciler.trust_conditions()

    async def _declare_all(self, pause_seconds: float = 0.0) -> None:
        for reconciler in self.reconcilers:
            await reconciler.declare_all(pause_seconds)

    async def restore_queue(self, queue: str) -> None:
        """Declare and bind a queue again that was deleted from RabbitMQ. Raises ChannelRefused and RabbitMQUnavailable."""
        for object in self._store.list(self.queues.kind):
            if object["spec"]["name"] == queue and "deletionTimestamp" not in object["metadata"]:
                await self.queues.declare(object["spec"])
                for binding in self._store.list(self.bindings.kind, object["metadata"]["namespace"]):
                    if binding["spec"]["destination"] == queue and "deletionTimestamp" not in binding["metadata"]:
                        await self.bindings.declare(binding["spec"])
                log.warning("queue %s did not exist in RabbitMQ and was declared again", queue)
