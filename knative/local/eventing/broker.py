"""Brokers of class RabbitMQBroker: a headers exchange, a front door, and a dispatcher for the dead letters if there is a sink for them.

Brokers of another class are nobody's here, as on a cluster without their controller.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from knative.local.controller import RequeueAfter, Key
from knative.local.eventing import children, naming
from knative.local.eventing.conditions import TRUE, UNKNOWN, Condition, conditions, false, is_ready, summed
from knative.local.eventing.dispatch import BadDelivery, Policy
from knative.local.eventing.dispatcher import Plan
from knative.local.eventing.dispatchers import Dispatchers
from knative.local.eventing.ingress import Brokers
from knative.local.eventing.sinks import SERVICE, Sinks, Unresolved, broker_url
from knative.local.objects import Object
from knative.local.store import NotFound, Store

log = logging.getLogger(__name__)

CLASS = "RabbitMQBroker"
CONFIG = "RabbitmqBrokerConfig.eventing.knative.dev"
LOOK_AGAIN = 1.0

NOT_CONFIGURED = Condition("True", "DeadLetterSinkNotConfigured", "No dead letter sink is configured.")
CONCERNS = ("ExchangeReady", "DLXReady", "DeadLetterSinkReady", "SecretReady", "IngressReady", "Addressable", "DeadLetterSinkResolved")


class Unready(Exception):
    """A concern that keeps the rest waiting."""

    def __init__(self, concern: str, condition: Condition, look_again: bool = False) -> None:
        super().__init__(condition.message)
        self.concern = concern
        self.condition = condition
        self.look_again = look_again


def is_ours(broker: Object) -> bool:
    annotations: Mapping[str, str] = broker["metadata"].get("annotations") or {}
    return annotations.get(naming.BROKER_CLASS) == CLASS


def delivery_of(broker: Object) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = broker.get("spec", {}).get("delivery")
    return found


def has_dead_letters(broker: Object) -> bool:
    return bool((delivery_of(broker) or {}).get("deadLetterSink"))


def config_of(store: Store, broker: Object) -> Mapping[str, Any]:
    reference = broker.get("spec", {}).get("config") or {}
    if not reference:
        raise NotFound("spec.config is missing: it names a RabbitmqBrokerConfig")
    found = store.get(CONFIG, reference.get("namespace") or broker["metadata"]["namespace"], reference["name"])
    spec: Mapping[str, Any] = found["spec"]
    return spec


class BrokerReconciler:
    kind = "Broker.eventing.knative.dev"

    def __init__(self, store: Store, brokers: Brokers, sinks: Sinks, dispatchers: Dispatchers) -> None:
        self._store = store
        self._brokers = brokers
        self._sinks = sinks
        self._dispatchers = dispatchers
        self._sinking: dict[Key, set[Key]] = {}
        """Service → the Brokers whose dead letters it takes"""

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[Key]]]:
        return {
            "Exchange.rabbitmq.com": owners("Broker"),
            "Queue.rabbitmq.com": owners("Broker"),
            "Binding.rabbitmq.com": owners("Broker"),
            SERVICE: lambda service: self._sinking.get((service["metadata"]["namespace"], service["metadata"]["name"]), ()),
            CONFIG: lambda config: [_key(each) for each in self._store.list(self.kind)],
        }

    async def on_deleted(self, object: Object) -> None:
        namespace, name = _key(object)
        self._brokers.close(namespace or "", name)
        await self._dispatchers.end(("broker", namespace or "", name))

    async def reconcile(self, object: Object) -> None:
        if not is_ours(object) or "deletionTimestamp" in object["metadata"]:
            return
        concerns = dict.fromkeys(CONCERNS, UNKNOWN)
        status: dict[str, Any] = {}
        waiting = None
        try:
            await self._settle(object, concerns, status)
        except Unready as unready:
            concerns[unready.concern] = unready.condition
            if unready.look_again:
                waiting = RequeueAfter(LOOK_AGAIN, str(unready))
        ready = summed(concerns) == TRUE
        namespace, name = object["metadata"]["namespace"], object["metadata"]["name"]
        if ready:
            self._brokers.open(namespace, name, naming.broker_exchange(object))
        status |= {"observedGeneration": object["metadata"].get("generation", 1), "conditions": conditions(object, concerns)}
        self._store.set_status(self.kind, namespace, name, status)
        if waiting is not None:
            raise waiting

    async def _settle(self, broker: Object, concerns: dict[str, Condition], status: dict[str, Any]) -> None:
        try:
            config = config_of(self._store, broker)
        except NotFound as error:
            raise Unready("ExchangeReady", false("ExchangeCredentialsUnavailable", str(error))) from error
        labels = {naming.BROKER_LABEL: broker["metadata"]["name"]}
        self._want(children.exchange(broker, naming.broker_exchange(broker), labels, config), "ExchangeReady", "ExchangeFailure")
        concerns["ExchangeReady"] = TRUE
        if has_dead_letters(broker):
            self._dead_letter_objects(broker, labels, config, concerns)
        else:
            concerns["DLXReady"] = concerns["DeadLetterSinkReady"] = concerns["DeadLetterSinkResolved"] = NOT_CONFIGURED
        concerns |= {"SecretReady": TRUE, "IngressReady": TRUE, "Addressable": TRUE}
        status["address"] = {"name": "http", "url": broker_url(broker)}
        await self._dead_letter_dispatcher(broker, concerns, status)

    def _want(self, wanted: Object, concern: str, reason: str) -> None:
        live = children.ensured(self._store, wanted)
        if not is_ready(live):
            raise Unready(concern, false(reason, f"{wanted['kind']} {wanted['metadata']['name']} is not ready"))

    def _dead_letter_objects(self, broker: Object, labels: Mapping[str, str], config: Mapping[str, Any], concerns: dict[str, Condition]) -> None:
        exchange, queue = naming.broker_dead_letter_exchange(broker), naming.broker_dead_letter_queue(broker)
        self._want(children.exchange(broker, exchange, labels, config), "ExchangeReady", "ExchangeFailure")
        self._want(children.queue(broker, queue, labels, config, queue), "DLXReady", "QueueFailure")
        concerns["DLXReady"] = TRUE
        match = {naming.DEAD_LETTER_BINDING_KEY: broker["metadata"]["name"]}
        self._want(children.binding(broker, queue, labels, config, exchange, queue, match), "DeadLetterSinkReady", "DLQ binding")
        concerns["DeadLetterSinkReady"] = TRUE

    async def _dead_letter_dispatcher(self, broker: Object, concerns: dict[str, Condition], status: dict[str, Any]) -> None:
        namespace, name = broker["metadata"]["namespace"], broker["metadata"]["name"]
        key = ("broker", namespace, name)
        delivery = delivery_of(broker)
        try:
            policy = Policy.of(delivery, dead_letters=True)
        except BadDelivery as error:
            raise Unready("DeadLetterSinkReady", false("BadDelivery", str(error))) from error
        if not has_dead_letters(broker) or delivery is None:
            await self._dispatchers.end(key)
            return
        self._note_sink(broker, delivery["deadLetterSink"])
        try:
            address = self._sinks.resolve(delivery["deadLetterSink"], namespace)
        except Unresolved as error:
            raise Unready("DeadLetterSinkResolved", false("Unable to get the DeadLetterSink's Addressable", str(error)), True) from error
        concerns["DeadLetterSinkResolved"] = TRUE
        status["deadLetterSinkUri"] = address.url
        plan = Plan(
            name=f"dead letters of Broker {namespace}/{name}",
            queue=naming.broker_dead_letter_queue(broker),
            broker=(namespace, name),
            sink=address,
            policy=policy,
            dead_letters=True,
        )
        await self._dispatchers.want(key, plan)

    def _note_sink(self, broker: Object, sink: Mapping[str, Any]) -> None:
        if reference := sink.get("ref"):
            service = (reference.get("namespace") or broker["metadata"]["namespace"], reference["name"])
            self._sinking.setdefault(service, set()).add(_key(broker))


def owners(kind: str) -> Callable[[Object], Iterable[Key]]:
    """The controllers of that kind of a child."""

    def of(child: Object) -> Iterable[Key]:
        metadata = child["metadata"]
        return [(metadata.get("namespace"), owner["name"]) for owner in metadata.get("ownerReferences", ()) if owner["kind"] == kind]

    return of


def _key(object: Object) -> Key:
    return object["metadata"]["namespace"], object["metadata"]["name"]
