"""Triggers: a queue, a binding by the attributes of the filter, and a dispatcher.

As in eventing-rabbitmq, `spec.filters` is ignored (a Trigger that has only `filters` gets every event), and
`spec.delivery` replaces the Broker's as a whole: without a deadLetterSink of its own it drops what fails. A filter
cannot change, because bindings are immutable.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from knative.local.controller import Key, RequeueAfter
from knative.local.eventing import children, naming
from knative.local.eventing.broker import NOT_CONFIGURED, POLL_SECONDS, config_of, delivery_of, has_dead_letter_sink, has_our_class
from knative.local.eventing.conditions import NO_OIDC, TRUE, UNKNOWN, Condition, NotReady, condition_list, condition_of, false, is_ready
from knative.local.eventing.delivery import DeliveryPolicy, InvalidDelivery
from knative.local.eventing.dispatcher import DispatcherSpec
from knative.local.eventing.dispatchers import Dispatchers
from knative.local.eventing.references import References, key_of, owner_keys
from knative.local.eventing.sinks import BROKER, SERVICE, Address, SinkNotFound, Sinks
from knative.local.objects import Object
from knative.local.store import Store

CONDITION_TYPES = ("BrokerReady", "DependencyReady", "SubscriberResolved", "SubscriptionReady", "DeadLetterSinkResolved", "OIDCIdentityCreated")


class TriggerReconciler:
    kind = "Trigger.eventing.knative.dev"

    def __init__(self, store: Store, sinks: Sinks, dispatchers: Dispatchers) -> None:
        self._store = store
        self._sinks = sinks
        self._dispatchers = dispatchers
        self._references = References()

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[Key]]]:
        return {
            "Exchange.rabbitmq.com": owner_keys("Trigger"),
            "Queue.rabbitmq.com": owner_keys("Trigger"),
            "Binding.rabbitmq.com": owner_keys("Trigger"),
            BROKER: self._references.referrers(BROKER),
            SERVICE: self._references.referrers(SERVICE),
        }

    async def on_deleted(self, object: Object) -> None:
        self._references.remove(object)
        await self._remove_dispatchers(object)

    async def _remove_dispatchers(self, trigger: Object) -> None:
        await self._dispatchers.remove(("trigger", *key_of(trigger)))
        await self._dispatchers.remove(("trigger-dlq", *key_of(trigger)))

    async def reconcile(self, object: Object) -> None:
        metadata = object["metadata"]
        if "deletionTimestamp" in metadata:
            return
        namespace, name = key_of(object)
        self._references.add(object, BROKER, namespace, object["spec"]["broker"])
        broker = self._store.find(BROKER, namespace, object["spec"]["broker"])
        if broker is not None and not has_our_class(broker):
            return
        conditions = dict.fromkeys(CONDITION_TYPES, UNKNOWN) | {"OIDCIdentityCreated": NO_OIDC}
        status: dict[str, Any] = {}
        requeue = None
        try:
            await self._ensure(object, broker, conditions, status)
        except NotReady as error:
            conditions[error.type] = error.condition
            if error.must_poll:
                requeue = RequeueAfter(POLL_SECONDS, str(error))
        status |= {"observedGeneration": metadata.get("generation", 1), "conditions": condition_list(object, conditions)}
        self._store.set_status(self.kind, namespace, name, status)
        if requeue is not None:
            raise requeue

    async def _ensure(self, trigger: Object, broker: Object | None, conditions: dict[str, Condition], status: dict[str, Any]) -> None:
        """Create what the Trigger consists of and fill in its conditions and status. Raises NotReady at the first condition that is not met."""
        if broker is None or "deletionTimestamp" in broker["metadata"]:
            await self._remove_dispatchers(trigger)
            raise NotReady("BrokerReady", false("BrokerDoesNotExist", f'Broker "{trigger["spec"]["broker"]}" does not exist'))
        conditions["BrokerReady"] = condition_of(broker)
        if not is_ready(broker):
            raise NotReady("BrokerReady", conditions["BrokerReady"])
        config = config_of(self._store, broker)
        labels = {naming.BROKER_LABEL: broker["metadata"]["name"], naming.TRIGGER_LABEL: trigger["metadata"]["name"]}
        own: Mapping[str, Any] | None = trigger["spec"].get("delivery")
        try:
            policy = DeliveryPolicy.from_spec(own if own is not None else delivery_of(broker))
            parallelism = _parallelism(trigger)
        except InvalidDelivery as error:
            raise NotReady("DependencyReady", false("BadDelivery", str(error))) from error
        if own is not None and own.get("deadLetterSink"):
            exchange: str | None = naming.trigger_dead_letter_exchange(trigger)
            await self._ensure_own_dead_letters(trigger, labels, config, own, parallelism, conditions, status)
        else:
            exchange = naming.broker_dead_letter_exchange(broker) if has_dead_letter_sink(broker) else None
            await self._remove_own_dead_letters(trigger)
            conditions["DeadLetterSinkResolved"] = NOT_CONFIGURED
        self._ensure_queue(trigger, broker, labels, config, exchange)
        conditions["DependencyReady"] = TRUE
        address = self._resolve(trigger, trigger["spec"]["subscriber"], "SubscriberResolved", "Unable to get the Subscriber's Addressable")
        conditions |= {"SubscriberResolved": TRUE, "SubscriptionReady": TRUE}
        status["subscriberUri"] = address.url
        drops_failures = own is not None and not own.get("deadLetterSink")
        spec = DispatcherSpec(
            name=f"Trigger {trigger['metadata']['namespace']}/{trigger['metadata']['name']}",
            queue=naming.trigger_queue(trigger, broker),
            broker=key_of(broker),
            sink=address,
            policy=policy,
            parallelism=parallelism,
            dead_letter_exchange=None if drops_failures else exchange,
        )
        await self._dispatchers.ensure(("trigger", *key_of(trigger)), spec)

    def _ensure_queue(
        self, trigger: Object, broker: Object, labels: Mapping[str, str], config: Mapping[str, Any], dead_letter_exchange: str | None
    ) -> None:
        """Create queue and binding. Expired messages go to the Broker's dead-letter exchange even if Trigger.delivery names no sink, as upstream."""
        name, queue = naming.trigger_object(trigger), naming.trigger_queue(trigger, broker)
        self._ensure_child(children.queue(trigger, name, labels, config, queue, dead_letter_exchange), "QueueFailure")
        match = dict((trigger["spec"].get("filter") or {}).get("attributes") or {})
        match[naming.TRIGGER_BINDING_KEY] = trigger["metadata"]["name"]
        binding = children.binding(trigger, name, labels, config, naming.broker_exchange(broker), queue, match)
        live = self._store.find("Binding.rabbitmq.com", *key_of(binding))
        if live is not None and live["spec"]["source"] == binding["spec"]["source"] and live["spec"]["arguments"] != binding["spec"]["arguments"]:
            message = "spec.filter cannot change: bindings are immutable. Delete the Trigger and create it again"
            raise NotReady("DependencyReady", false("BindingFailure", message))
        self._ensure_child(binding, "BindingFailure")

    def _ensure_child(self, child: Object, reason: str) -> None:
        if not is_ready(children.ensure(self._store, child)):
            raise NotReady("DependencyReady", false(reason, f"{child['kind']} {child['metadata']['name']} is not ready"))

    async def _ensure_own_dead_letters(
        self, trigger: Object, labels: Mapping[str, str], config: Mapping[str, Any], delivery: Mapping[str, Any],
        parallelism: int, conditions: dict[str, Condition], status: dict[str, Any],
    ) -> None:  # fmt: skip
        exchange, queue = naming.trigger_dead_letter_exchange(trigger), naming.trigger_dead_letter_queue(trigger)
        self._ensure_child(children.exchange(trigger, exchange, labels, config), "ExchangeFailure")
        self._ensure_child(children.queue(trigger, queue, labels, config, queue), "DLQueueFailure")
        self._ensure_child(children.binding(trigger, queue, labels, config, exchange, queue, {}), "BindingFailure")
        reason = "Unable to get the DeadLetterSink Addressable"
        address = self._resolve(trigger, delivery["deadLetterSink"], "DeadLetterSinkResolved", reason)
        conditions["DeadLetterSinkResolved"] = TRUE
        status["deadLetterSinkUri"] = address.url
        spec = DispatcherSpec(
            name=f"dead letters of Trigger {trigger['metadata']['namespace']}/{trigger['metadata']['name']}",
            queue=queue,
            broker=(trigger["metadata"]["namespace"], trigger["spec"]["broker"]),
            sink=address,
            policy=DeliveryPolicy.from_spec(delivery),
            parallelism=parallelism,
            is_for_dead_letters=True,
        )
        await self._dispatchers.ensure(("trigger-dlq", *key_of(trigger)), spec)

    async def _remove_own_dead_letters(self, trigger: Object) -> None:
        namespace = trigger["metadata"]["namespace"]
        await self._dispatchers.remove(("trigger-dlq", *key_of(trigger)))
        queue = naming.trigger_dead_letter_queue(trigger)
        children.delete(self._store, "Binding.rabbitmq.com", namespace, queue)
        children.delete(self._store, "Queue.rabbitmq.com", namespace, queue)
        children.delete(self._store, "Exchange.rabbitmq.com", namespace, naming.trigger_dead_letter_exchange(trigger))

    def _resolve(self, trigger: Object, destination: Mapping[str, Any], type: str, reason: str) -> Address:
        namespace = trigger["metadata"]["namespace"]
        if reference := destination.get("ref"):
            self._references.add(trigger, SERVICE, reference.get("namespace") or namespace, reference["name"])
        try:
            return self._sinks.resolve(destination, namespace)
        except SinkNotFound as error:
            raise NotReady(type, false(reason, str(error)), must_poll=not destination.get("ref")) from error


def _parallelism(trigger: Object) -> int:
    text = (trigger["metadata"].get("annotations") or {}).get(naming.PARALLELISM, "1")
    if not text.isdecimal() or not 1 <= int(text) <= naming.MAX_PARALLELISM:
        raise InvalidDelivery(f'annotation {naming.PARALLELISM} must be a number from 1 to {naming.MAX_PARALLELISM}, not "{text}"')
    return int(text)
