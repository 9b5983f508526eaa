"""Triggers: a queue, a binding by the filter's attributes, a dispatcher.

`spec.filters` counts for nothing here, as with eventing-rabbitmq, where a Trigger that has only it gets everything. `spec.delivery`
replaces the Broker's wholly: one without a deadLetterSink loses what fails. A filter cannot change: bindings are immutable.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from knative.local.controller import RequeueAfter, Key
from knative.local.eventing import children, naming
from knative.local.eventing.broker import LOOK_AGAIN, NOT_CONFIGURED, Unready, config_of, delivery_of, has_dead_letters, is_ours, owners
from knative.local.eventing.conditions import TRUE, UNKNOWN, Condition, condition_of, conditions, false, is_ready
from knative.local.eventing.dispatch import BadDelivery, Policy
from knative.local.eventing.dispatcher import Plan
from knative.local.eventing.dispatchers import Dispatchers
from knative.local.eventing.sinks import BROKER, SERVICE, Address, Sinks, Unresolved
from knative.local.objects import Object
from knative.local.store import Store

CONCERNS = ("BrokerReady", "DependencyReady", "SubscriberResolved", "SubscriptionReady", "DeadLetterSinkResolved", "OIDCIdentityCreated")
NO_OIDC = Condition("True", "authentication-oidc feature disabled")
MOST_PARALLEL = 1000


class TriggerReconciler:
    kind = "Trigger.eventing.knative.dev"

    def __init__(self, store: Store, sinks: Sinks, dispatchers: Dispatchers) -> None:
        self._store = store
        self._sinks = sinks
        self._dispatchers = dispatchers
        self._following: dict[tuple[str, str, str], set[Key]] = {}
        """a Broker or a Service → the Triggers that look at it"""

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[Key]]]:
        return {
            "Exchange.rabbitmq.com": owners("Trigger"),
            "Queue.rabbitmq.com": owners("Trigger"),
            "Binding.rabbitmq.com": owners("Trigger"),
            BROKER: lambda broker: self._followers(BROKER, broker),
            SERVICE: lambda service: self._followers(SERVICE, service),
        }

    def _followers(self, kind: str, object: Object) -> list[Key]:
        return list(self._following.get((kind, object["metadata"]["namespace"], object["metadata"]["name"]), ()))

    def _follow(self, kind: str, namespace: str, name: str, trigger: Object) -> None:
        self._following.setdefault((kind, namespace, name), set()).add((trigger["metadata"]["namespace"], trigger["metadata"]["name"]))

    async def on_deleted(self, object: Object) -> None:
        key = (object["metadata"]["namespace"], object["metadata"]["name"])
        for followers in self._following.values():
            followers.discard(key)
        await self._dispatchers.end(("trigger", *key))
        await self._dispatchers.end(("trigger-dlq", *key))

    async def reconcile(self, object: Object) -> None:
        metadata = object["metadata"]
        if "deletionTimestamp" in metadata:
            return
        namespace, name = metadata["namespace"], metadata["name"]
        self._follow(BROKER, namespace, object["spec"]["broker"], object)
        broker = self._store.find(BROKER, namespace, object["spec"]["broker"])
        if broker is not None and not is_ours(broker):
            return
        concerns = dict.fromkeys(CONCERNS, UNKNOWN) | {"OIDCIdentityCreated": NO_OIDC}
        status: dict[str, Any] = {}
        waiting = None
        try:
            await self._settle(object, broker, concerns, status)
        except Unready as unready:
            concerns[unready.concern] = unready.condition
            if unready.look_again:
                waiting = RequeueAfter(LOOK_AGAIN, str(unready))
        status |= {"observedGeneration": metadata.get("generation", 1), "conditions": conditions(object, concerns)}
        self._store.set_status(self.kind, namespace, name, status)
        if waiting is not None:
            raise waiting

    async def _settle(self, trigger: Object, broker: Object | None, concerns: dict[str, Condition], status: dict[str, Any]) -> None:
        if broker is None or "deletionTimestamp" in broker["metadata"]:
            await self.on_deleted(trigger)
            self._follow(BROKER, trigger["metadata"]["namespace"], trigger["spec"]["broker"], trigger)
            raise Unready("BrokerReady", false("BrokerDoesNotExist", f'Broker "{trigger["spec"]["broker"]}" does not exist'))
        concerns["BrokerReady"] = condition_of(broker)
        if not is_ready(broker):
            raise Unready("BrokerReady", concerns["BrokerReady"])
        config = config_of(self._store, broker)
        labels = {naming.BROKER_LABEL: broker["metadata"]["name"], naming.TRIGGER_LABEL: trigger["metadata"]["name"]}
        own: Mapping[str, Any] | None = trigger["spec"].get("delivery")
        try:
            policy = Policy.of(own if own is not None else delivery_of(broker))
            parallelism = _parallelism(trigger)
        except BadDelivery as error:
            raise Unready("DependencyReady", false("BadDelivery", str(error))) from error
        if own is not None and own.get("deadLetterSink"):
            exchange: str | None = naming.trigger_dead_letter_exchange(trigger)
            await self._own_dead_letters(trigger, labels, config, own, parallelism, concerns, status)
        else:
            exchange = naming.broker_dead_letter_exchange(broker) if has_dead_letters(broker) else None
            await self._no_own_dead_letters(trigger)
            concerns["DeadLetterSinkResolved"] = NOT_CONFIGURED
        self._queue(trigger, broker, labels, config, exchange)
        concerns["DependencyReady"] = TRUE
        address = self._resolve(trigger, trigger["spec"]["subscriber"], "SubscriberResolved", "Unable to get the Subscriber's Addressable")
        concerns |= {"SubscriberResolved": TRUE, "SubscriptionReady": TRUE}
        status["subscriberUri"] = address.url
        loses = own is not None and not own.get("deadLetterSink")
        await self._dispatchers.want(
            ("trigger", *_key(trigger)),
            Plan(
                name=f"Trigger {trigger['metadata']['namespace']}/{trigger['metadata']['name']}",
                queue=naming.trigger_queue(trigger, broker),
                broker=_key(broker),
                sink=address,
                policy=policy,
                parallelism=parallelism,
                dead_letter_exchange=None if loses else exchange,
            ),
        )

    def _queue(self, trigger: Object, broker: Object, labels: Mapping[str, str], config: Mapping[str, Any], dead_letter_exchange: str | None) -> None:
        """Upstream's policy on the Broker's queues sends expired messages to the Broker's DLX even when Trigger.delivery names no sink."""
        name, queue = naming.trigger_object(trigger), naming.trigger_queue(trigger, broker)
        self._want(children.queue(trigger, name, labels, config, queue, dead_letter_exchange), "QueueFailure")
        match = dict((trigger["spec"].get("filter") or {}).get("attributes") or {})
        match[naming.TRIGGER_BINDING_KEY] = trigger["metadata"]["name"]
        binding = children.binding(trigger, name, labels, config, naming.broker_exchange(broker), queue, match)
        live = self._store.find("Binding.rabbitmq.com", *_key(binding))
        if live is not None and live["spec"]["source"] == binding["spec"]["source"] and live["spec"]["arguments"] != binding["spec"]["arguments"]:
            message = "spec.filter cannot change: bindings are immutable. Delete the Trigger and create it again"
            raise Unready("DependencyReady", false("BindingFailure", message))
        self._want(binding, "BindingFailure")

    def _want(self, wanted: Object, reason: str) -> None:
        if not is_ready(children.ensured(self._store, wanted)):
            raise Unready("DependencyReady", false(reason, f"{wanted['kind']} {wanted['metadata']['name']} is not ready"))

    async def _own_dead_letters(
        self, trigger: Object, labels: Mapping[str, str], config: Mapping[str, Any], delivery: Mapping[str, Any],
        parallelism: int, concerns: dict[str, Condition], status: dict[str, Any],
    ) -> None:  # fmt: skip
        exchange, queue = naming.trigger_dead_letter_exchange(trigger), naming.trigger_dead_letter_queue(trigger)
        self._want(children.exchange(trigger, exchange, labels, config), "ExchangeFailure")
        self._want(children.queue(trigger, queue, labels, config, queue), "DLQueueFailure")
        self._want(children.binding(trigger, queue, labels, config, exchange, queue, {}), "BindingFailure")
        reason = "Unable to get the DeadLetterSink Addressable"
        address = self._resolve(trigger, delivery["deadLetterSink"], "DeadLetterSinkResolved", reason)
        concerns["DeadLetterSinkResolved"] = TRUE
        status["deadLetterSinkUri"] = address.url
        plan = Plan(
            name=f"dead letters of Trigger {trigger['metadata']['namespace']}/{trigger['metadata']['name']}",
            queue=queue,
            broker=(trigger["metadata"]["namespace"], trigger["spec"]["broker"]),
            sink=address,
            policy=Policy.of(delivery),
            parallelism=parallelism,
            dead_letters=True,
        )
        await self._dispatchers.want(("trigger-dlq", *_key(trigger)), plan)

    async def _no_own_dead_letters(self, trigger: Object) -> None:
        namespace = trigger["metadata"]["namespace"]
        await self._dispatchers.end(("trigger-dlq", *_key(trigger)))
        queue = naming.trigger_dead_letter_queue(trigger)
        children.delete(self._store, "Binding.rabbitmq.com", namespace, queue)
        children.delete(self._store, "Queue.rabbitmq.com", namespace, queue)
        children.delete(self._store, "Exchange.rabbitmq.com", namespace, naming.trigger_dead_letter_exchange(trigger))

    def _resolve(self, trigger: Object, destination: Mapping[str, Any], concern: str, reason: str) -> Address:
        namespace = trigger["metadata"]["namespace"]
        if reference := destination.get("ref"):
            self._follow(SERVICE, reference.get("namespace") or namespace, reference["name"], trigger)
        try:
            return self._sinks.resolve(destination, namespace)
        except Unresolved as error:
            raise Unready(concern, false(reason, str(error)), look_again=not destination.get("ref")) from error


def _parallelism(trigger: Object) -> int:
    text = (trigger["metadata"].get("annotations") or {}).get(naming.PARALLELISM, "1")
    if not text.isdecimal() or not 1 <= int(text) <= MOST_PARALLEL:
        raise BadDelivery(f"{naming.PARALLELISM} is a number from 1 to {MOST_PARALLEL}, not {text!r}")
    return int(text)


def _key(object: Object) -> tuple[str, str]:
    return object["metadata"]["namespace"], object["metadata"]["name"]
