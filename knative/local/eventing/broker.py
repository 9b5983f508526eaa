"""Brokers of class RabbitMQBroker: a headers exchange, an ingress, and a dispatcher for dead letters if they have a sink.

Brokers of other classes are ignored, as on a cluster without their controller.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from knative.local.controller import Key, RequeueAfter
from knative.local.eventing import children, naming
from knative.local.eventing.conditions import TRUE, UNKNOWN, Condition, NotReady, condition_list, false, is_ready, ready_condition
from knative.local.eventing.delivery import DeliveryPolicy, InvalidDelivery
from knative.local.eventing.dispatcher import DispatcherSpec
from knative.local.eventing.dispatchers import Dispatchers
from knative.local.eventing.ingress import Brokers
from knative.local.eventing.references import References, key_of, owner_keys
from knative.local.eventing.sinks import BROKER, SERVICE, SinkNotFound, Sinks, broker_url
from knative.local.objects import Object
from knative.local.store import NotFound, Store

CONFIG = "RabbitmqBrokerConfig.eventing.knative.dev"
POLL_SECONDS = 1.0

NOT_CONFIGURED = Condition("True", "DeadLetterSinkNotConfigured", "No dead letter sink is configured.")
CONDITION_TYPES = ("ExchangeReady", "DLXReady", "DeadLetterSinkReady", "SecretReady", "IngressReady", "Addressable", "DeadLetterSinkResolved")


def has_our_class(broker: Object) -> bool:
    annotations: Mapping[str, str] = broker["metadata"].get("annotations") or {}
    return annotations.get(naming.BROKER_CLASS) == naming.RABBITMQ_BROKER_CLASS


def delivery_of(broker: Object) -> Mapping[str, Any] | None:
    delivery: Mapping[str, Any] | None = broker.get("spec", {}).get("delivery")
    return delivery


def has_dead_letter_sink(broker: Object) -> bool:
    return bool((delivery_of(broker) or {}).get("deadLetterSink"))


def config_of(store: Store, broker: Object) -> Mapping[str, Any]:
    """Return the spec of the Broker's RabbitmqBrokerConfig. Raises NotFound."""
    reference = broker.get("spec", {}).get("config") or {}
    if not reference:
        raise NotFound("spec.config is missing: it must refer to a RabbitmqBrokerConfig")
    config = store.get(CONFIG, reference.get("namespace") or broker["metadata"]["namespace"], reference["name"])
    spec: Mapping[str, Any] = config["spec"]
    return spec


class BrokerReconciler:
    kind = BROKER

    def __init__(self, store: Store, brokers: Brokers, sinks: Sinks, dispatchers: Dispatchers) -> None:
        self._store = store
        self._brokers = brokers
        self._sinks = sinks
        self._dispatchers = dispatchers
        self._references = References()

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[Key]]]:
        return {
            "Exchange.rabbitmq.com": owner_keys("Broker"),
            "Queue.rabbitmq.com": owner_keys("Broker"),
            "Binding.rabbitmq.com": owner_keys("Broker"),
            SERVICE: self._references.referrers(SERVICE),
            CONFIG: lambda config: [key_of(broker) for broker in self._store.list(self.kind)],
        }

    async def on_deleted(self, object: Object) -> None:
        self._references.remove(object)
        self._brokers.close(*key_of(object))
        await self._dispatchers.remove(("broker", *key_of(object)))

    async def reconcile(self, object: Object) -> None:
        if not has_our_class(object) or "deletionTimestamp" in object["metadata"]:
            return
        conditions = dict.fromkeys(CONDITION_TYPES, UNKNOWN)
        status: dict[str, Any] = {}
        requeue = None
        try:
            await self._ensure(object, conditions, status)
        except NotReady as error:
            conditions[error.type] = error.condition
            if error.must_poll:
                requeue = RequeueAfter(POLL_SECONDS, str(error))
        namespace, name = key_of(object)
        if ready_condition(conditions) == TRUE:
            self._brokers.open(namespace, name, naming.broker_exchange(object))
        status |= {"observedGeneration": object["metadata"].get("generation", 1), "conditions": condition_list(object, conditions)}
        self._store.set_status(self.kind, namespace, name, status)
        if requeue is not None:
            raise requeue

    async def _ensure(self, broker: Object, conditions: dict[str, Condition], status: dict[str, Any]) -> None:
        """Create what the Broker consists of and fill in its conditions and status. Raises NotReady at the first condition that is not met."""
        try:
            config = config_of(self._store, broker)
        except NotFound as error:
            raise NotReady("ExchangeReady", false("ExchangeCredentialsUnavailable", str(error))) from error
        labels = {naming.BROKER_LABEL: broker["metadata"]["name"]}
        self._ensure_child(children.exchange(broker, naming.broker_exchange(broker), labels, config), "ExchangeReady", "ExchangeFailure")
        conditions["ExchangeReady"] = TRUE
        if has_dead_letter_sink(broker):
            self._ensure_dead_letter_queue(broker, labels, config, conditions)
        else:
            conditions["DLXReady"] = conditions["DeadLetterSinkReady"] = conditions["DeadLetterSinkResolved"] = NOT_CONFIGURED
        conditions |= {"SecretReady": TRUE, "IngressReady": TRUE, "Addressable": TRUE}
        status["address"] = {"name": "http", "url": broker_url(broker)}
        await self._ensure_dead_letter_dispatcher(broker, conditions, status)

    def _ensure_child(self, child: Object, type: str, reason: str) -> None:
        if not is_ready(children.ensure(self._store, child)):
            raise NotReady(type, false(reason, f"{child['kind']} {child['metadata']['name']} is not ready"))

    def _ensure_dead_letter_queue(
        self, broker: Object, labels: Mapping[str, str], config: Mapping[str, Any], conditions: dict[str, Condition]
    ) -> None:
        exchange, queue = naming.broker_dead_letter_exchange(broker), naming.broker_dead_letter_queue(broker)
        self._ensure_child(children.exchange(broker, exchange, labels, config), "ExchangeReady", "ExchangeFailure")
        self._ensure_child(children.queue(broker, queue, labels, config, queue), "DLXReady", "QueueFailure")
        conditions["DLXReady"] = TRUE
        match = {naming.DEAD_LETTER_BINDING_KEY: broker["metadata"]["name"]}
        self._ensure_child(children.binding(broker, queue, labels, config, exchange, queue, match), "DeadLetterSinkReady", "DLQ binding")
        conditions["DeadLetterSinkReady"] = TRUE

    async def _ensure_dead_letter_dispatcher(self, broker: Object, conditions: dict[str, Condition], status: dict[str, Any]) -> None:
        namespace, name = key_of(broker)
        delivery = delivery_of(broker)
        try:
            policy = DeliveryPolicy.from_spec(delivery, is_for_dead_letters=True)
        except InvalidDelivery as error:
            raise NotReady("DeadLetterSinkReady", false("BadDelivery", str(error))) from error
        if not has_dead_letter_sink(broker) or delivery is None:
            await self._dispatchers.remove(("broker", namespace, name))
            return
        if reference := delivery["deadLetterSink"].get("ref"):
            self._references.add(broker, SERVICE, reference.get("namespace") or namespace, reference["name"])
        try:
            address = self._sinks.resolve(delivery["deadLetterSink"], namespace)
        except SinkNotFound as error:
            reason = "Unable to get the DeadLetterSink's Addressable"
            raise NotReady("DeadLetterSinkResolved", false(reason, str(error)), must_poll=True) from error
        conditions["DeadLetterSinkResolved"] = TRUE
        status["deadLetterSinkUri"] = address.url
        spec = DispatcherSpec(
            name=f"dead letters of Broker {namespace}/{name}",
            queue=naming.broker_dead_letter_queue(broker),
            broker=(namespace, name),
            sink=address,
            policy=policy,
            is_for_dead_letters=True,
        )
        await self._dispatchers.ensure(("broker", namespace, name), spec)
