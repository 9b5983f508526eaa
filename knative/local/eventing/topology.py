"""Exchange, Queue and Binding objects (rabbitmq.com/v1beta1) → RabbitMQ: what the messaging topology operator is on a cluster.

Brokers and Triggers only write these objects, here as there, so whoever needs the name of an exchange or a queue reads it from the same
place. There is one RabbitMQ and one virtual host on this machine, so `rabbitmqClusterReference` and `vhost` are kept as written and not
followed. When RabbitMQ comes back everything is declared again: it may have lost it.

Deletion goes the operator's way too: a finalizer keeps the object until RabbitMQ has let go of the thing.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from knative.local.controller import RequeueAfter, Key
from knative.local.eventing.conditions import Condition, condition_of, conditions, false
from knative.local.eventing.rabbit import Away, Channel, Rabbit, Refused
from knative.local.objects import Object
from knative.local.store import Conflict, NotFound, Store

log = logging.getLogger(__name__)

NOT_FOUND = 404
PRECONDITION_FAILED = 406
LOOK_AGAIN = 1.0


class Administration:
    """One call at a time on one channel: a refusal closes the channel, and must be blamed on the call that earned it."""

    def __init__(self, rabbit: Rabbit) -> None:
        self._rabbit = rabbit
        self._channel: Channel | None = None
        self._lock = asyncio.Lock()

    async def call(self, method: str, /, **arguments: Any) -> Any:
        async with self._lock:
            if self._channel is None or not self._channel.is_open:
                self._channel = await self._rabbit.channel()
            return await self._channel.call(method, **arguments)

    async def quietly(self, method: str, /, **arguments: Any) -> None:
        """What is not there need not be removed."""
        try:
            await self.call(method, **arguments)
        except Refused as refused:
            if refused.code != NOT_FOUND:
                raise


class _Declared(ABC):
    kind: str
    finalizer: str

    def __init__(self, store: Store, administration: Administration) -> None:
        self._store = store
        self._administration = administration

    @abstractmethod
    async def declare(self, spec: Mapping[str, Any]) -> None: ...

    @abstractmethod
    async def remove(self, spec: Mapping[str, Any]) -> None: ...

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[Key]]]:
        return {}

    async def on_deleted(self, object: Object) -> None:
        return None

    async def reconcile(self, object: Object) -> None:
        metadata = object["metadata"]
        try:
            if "deletionTimestamp" in metadata:
                await self._let_go(object)
                return
            if self.finalizer not in metadata.get("finalizers", []):
                metadata["finalizers"] = [*metadata.get("finalizers", []), self.finalizer]
                object = self._store.update(object)
            await self.declare(object["spec"])
        except Away as away:
            self.mark(object, false("FailedCreateOrUpdate", str(away)))
            raise RequeueAfter(LOOK_AGAIN, str(away)) from away
        except Refused as refused:
            self.mark(object, false("FailedCreateOrUpdate", str(refused)))
            raise RequeueAfter(LOOK_AGAIN * 10, str(refused)) from refused
        self.mark(object, Condition("True", "SuccessfulCreateOrUpdate"))

    async def _let_go(self, object: Object) -> None:
        held = object["metadata"].get("finalizers", [])
        if self.finalizer in held:
            await self.remove(object["spec"])
            object["metadata"]["finalizers"] = [each for each in held if each != self.finalizer]
            self._store.update(object)

    def mark(self, object: Object, ready: Condition) -> None:
        metadata = object["metadata"]
        status = {"observedGeneration": metadata.get("generation", 1), "conditions": conditions(object, {"Ready": ready})}
        try:
            self._store.set_status(self.kind, metadata["namespace"], metadata["name"], status)
        except NotFound:
            log.debug("%s %s went while it was declared", self.kind, metadata["name"])

    async def again(self) -> None:
        """RabbitMQ is back: everything of this kind is declared once more."""
        for object in self._store.list(self.kind):
            try:
                await self.reconcile(object)
            except (RequeueAfter, Conflict) as later:
                log.debug("%s %s is left to the controller: %s", self.kind, object["metadata"]["name"], later)


class Exchanges(_Declared):
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

    async def remove(self, spec: Mapping[str, Any]) -> None:
        await self._administration.quietly("exchange_delete", exchange=spec["name"])

    def away(self) -> None:
        """RabbitMQ went: said on the exchanges, from where it reaches Brokers and Triggers."""
        for object in self._store.list(self.kind):
            if condition_of(object).status == "True":
                self.mark(object, false("FailedCreateOrUpdate", "RabbitMQ is away"))


class Queues(_Declared):
    kind = "Queue.rabbitmq.com"
    finalizer = "deletion.finalizers.queues.rabbitmq.com"

    async def declare(self, spec: Mapping[str, Any]) -> None:
        """A queue that is there with other arguments stays as it is: what is in it counts for more than where its expired messages go."""
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
        except Refused as refused:
            if refused.code != PRECONDITION_FAILED:
                raise
            await self._administration.call("queue_declare", queue=spec["name"], passive=True)
            log.warning("queue %s is there with other arguments and is used as it is: %s", spec["name"], refused)

    async def remove(self, spec: Mapping[str, Any]) -> None:
        if spec.get("deletionPolicy") != "retain":
            await self._administration.quietly("queue_delete", queue=spec["name"])


class Bindings(_Declared):
    kind = "Binding.rabbitmq.com"
    finalizer = "deletion.finalizers.bindings.rabbitmq.com"

    async def declare(self, spec: Mapping[str, Any]) -> None:
        if spec.get("destinationType") == "exchange":
            await self._administration.call("exchange_bind", **self._ends(spec, "destination", "source"))
        else:
            await self._administration.call("queue_bind", **self._ends(spec, "queue", "exchange"))

    async def remove(self, spec: Mapping[str, Any]) -> None:
        if spec.get("destinationType") == "exchange":
            await self._administration.quietly("exchange_unbind", **self._ends(spec, "destination", "source"))
        else:
            await self._administration.quietly("queue_unbind", **self._ends(spec, "queue", "exchange"))

    def _ends(self, spec: Mapping[str, Any], to: str, by: str) -> dict[str, Any]:
        return {
            to: spec["destination"],
            by: spec["source"],
            "routing_key": spec.get("routingKey", ""),
            "arguments": spec.get("arguments") or {},
        }


class Topology:
    """The Part that follows RabbitMQ's coming and going for the three kinds."""

    def __init__(self, store: Store, rabbit: Rabbit) -> None:
        self.administration = Administration(rabbit)
        self.exchanges = Exchanges(store, self.administration)
        self.queues = Queues(store, self.administration)
        self.bindings = Bindings(store, self.administration)
        self._store = store
        self._again: asyncio.Task[None] | None = None
        self._known = False
        rabbit.hear(self._heard)

    @property
    def reconcilers(self) -> Sequence[_Declared]:
        return (self.exchanges, self.queues, self.bindings)

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        if self._again is not None:
            self._again.cancel()
            await asyncio.gather(self._again, return_exceptions=True)

    def _heard(self, up: bool) -> None:
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if not up:
            self.exchanges.away()
        elif self._known:
            self._again = asyncio.create_task(self._all(), name="topology again")
        self._known = True

    async def _all(self) -> None:
        for reconciler in self.reconcilers:
            await reconciler.again()

    async def restore(self, queue: str) -> None:
        """A queue that a dispatcher misses: declared and bound once more from its objects."""
        for object in self._store.list(self.queues.kind):
            if object["spec"]["name"] == queue and "deletionTimestamp" not in object["metadata"]:
                await self.queues.declare(object["spec"])
                for binding in self._store.list(self.bindings.kind, object["metadata"]["namespace"]):
                    if binding["spec"]["destination"] == queue and "deletionTimestamp" not in binding["metadata"]:
                        await self.bindings.declare(binding["spec"])
                log.warning("queue %s was gone from RabbitMQ and is declared again", queue)
