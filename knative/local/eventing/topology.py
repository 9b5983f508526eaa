"""Exchange, Queue and Binding objects (rabbitmq.com/v1beta1) → RabbitMQ: the messaging topology operator of a cluster.

Brokers and Triggers write these objects, and whoever needs the name of an exchange or queue reads it from them. This
machine has one RabbitMQ and one virtual host: `rabbitmqClusterReference` and `vhost` are stored but not followed. After
a reconnect everything is declared again, since RabbitMQ may have lost it. A finalizer keeps a deleted object until
RabbitMQ has deleted its counterpart, as with the operator.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from knative.local.controller import Key, RequeueAfter
from knative.local.eventing.conditions import Condition, condition_list, condition_of, false
from knative.local.eventing.rabbit import Channel, ChannelRefused, RabbitMQ, RabbitMQUnavailable
from knative.local.objects import Object
from knative.local.store import Conflict, NotFound, Store

log = logging.getLogger(__name__)

NOT_FOUND = 404
PRECONDITION_FAILED = 406
UNAVAILABLE_REQUEUE_SECONDS = 1.0
REFUSED_REQUEUE_SECONDS = 10.0


class Administration:
    """Calls AMQP methods one at a time on one channel: a refusal closes the channel and must be reported to the call that caused it."""

    def __init__(self, rabbit: RabbitMQ) -> None:
        self._rabbit = rabbit
        self._channel: Channel | None = None
        self._lock = asyncio.Lock()

    async def call(self, method: str, /, **arguments: Any) -> Any:
        """Raises ChannelRefused and RabbitMQUnavailable."""
        async with self._lock:
            if self._channel is None or not self._channel.is_open:
                self._channel = await self._rabbit.channel()
            return await self._channel.call(method, **arguments)

    async def call_if_exists(self, method: str, /, **arguments: Any) -> None:
        """Call a method that deletes; something that does not exist counts as deleted."""
        try:
            await self.call(method, **arguments)
        except ChannelRefused as refused:
            if refused.code != NOT_FOUND:
                raise


class _TopologyReconciler(ABC):
    kind: str
    finalizer: str

    def __init__(self, store: Store, administration: Administration) -> None:
        self._store = store
        self._administration = administration

    @abstractmethod
    async def declare(self, spec: Mapping[str, Any]) -> None: ...

    @abstractmethod
    async def delete(self, spec: Mapping[str, Any]) -> None: ...

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[Key]]]:
        return {}

    async def on_deleted(self, object: Object) -> None:
        return None

    async def reconcile(self, object: Object) -> None:
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
        """Set Ready to False on all objects of this kind after the connection was lost: RabbitMQ may return without them.

        Brokers and Triggers derive their condition from it.
        """
        for object in self._store.list(self.kind):
            if condition_of(object).status == "True":
                self.set_ready(object, false("FailedCreateOrUpdate", "RabbitMQ is unavailable"))

    async def declare_all(self) -> None:
        """Declare every object of this kind again, after a reconnect."""
        for object in self._store.list(self.kind):
            try:
                await self.reconcile(object)
            except (RequeueAfter, Conflict) as error:
                log.debug("%s %s is left to the controller: %s", self.kind, object["metadata"]["name"], error)


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
    """The three reconcilers, and the Runnable that declares everything again after a reconnect."""

    def __init__(self, store: Store, rabbit: RabbitMQ) -> None:
        self.administration = Administration(rabbit)
        self.exchanges = Exchanges(store, self.administration)
        self.queues = Queues(store, self.administration)
        self.bindings = Bindings(store, self.administration)
        self._store = store
        self._declaring: asyncio.Task[None] | None = None
        self._was_connected = False
        rabbit.add_listener(self._on_connection)

    @property
    def reconcilers(self) -> Sequence[_TopologyReconciler]:
        return (self.exchanges, self.queues, self.bindings)

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        if self._declaring is not None:
            self._declaring.cancel()
            await asyncio.gather(self._declaring, return_exceptions=True)

    def _on_connection(self, is_up: bool) -> None:
        if self._declaring is not None:
            self._declaring.cancel()
            self._declaring = None
        if not is_up:
            for reconciler in self.reconcilers:
                reconciler.mark_unavailable()
        elif self._was_connected:
            self._declaring = asyncio.create_task(self._declare_all(), name="declare topology")
        self._was_connected = True

    async def _declare_all(self) -> None:
        for reconciler in self.reconcilers:
            await reconciler.declare_all()

    async def restore_queue(self, queue: str) -> None:
        """Declare and bind a queue again that was deleted from RabbitMQ. Raises ChannelRefused and RabbitMQUnavailable."""
        for object in self._store.list(self.queues.kind):
            if object["spec"]["name"] == queue and "deletionTimestamp" not in object["metadata"]:
                await self.queues.declare(object["spec"])
                for binding in self._store.list(self.bindings.kind, object["metadata"]["namespace"]):
                    if binding["spec"]["destination"] == queue and "deletionTimestamp" not in binding["metadata"]:
                        await self.bindings.declare(binding["spec"])
                log.warning("queue %s did not exist in RabbitMQ and was declared again", queue)
