"""Bind Capsule's exchanges to the Broker's: the Job `python -m functions.runtime.serving.topology`, after the Broker is ready.

The Broker's exchange and its Triggers' queues have UIDs in their names, so they are read from the cluster's objects. On one machine
`up` runs the Job when something has changed, on a cluster `topology_watcher` does the same whenever the Broker or a Trigger was created
anew. All declarations are idempotent and use AMQP. No connection is open while the Job waits: RabbitMQ closes one without heartbeats.

    capsule.commands  ──name of each function──────────▶ its Trigger's queue                 (direct)
    capsule.commands  ──type of a foreign Trigger──────▶ the Broker's exchange
    capsule.commands  ──auth.*─────────────────────────▶ the queue of a context's group      redelivered messages
    the Broker's exchange ──types of a group───────────▶ its queue                           a Trigger filters on one type only
    capsule.events    ──type of each handler───────────▶ its Trigger's queue                 (topic)
    capsule.events    ──type of a foreign Trigger──────▶ the Broker's exchange               # for one without a filter on the type
    dlx               ─────────────────────────────────▶ the Broker's DLX exchange           (fanout; to its main exchange it would loop)
    capsule.redelivery ─#──────────────────────────────▶ capsule.commands                    (topic: its routing keys are authorized)
    capsule.delay.<n>s ─#─▶ queue, expires ────────────▶ capsule.commands                    (topic, likewise)
    capsule.unroutable ────────────────────────────────▶ its queue                           (fanout)

Messages go from Capsule's exchanges straight into the queues of the functions that handle them. The Broker's own exchange is
a headers exchange, which compares a message with the arguments of every binding: 334 of them cost 20 times a topic exchange's
routing. So only what a foreign Trigger filters on goes through it (docs/decisions/0036). A queue that both ways reach gets a
message once: RabbitMQ routes to a set of queues.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker, ProbableAccessDeniedError, ProbableAuthenticationError

from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import AMQP_URL, BROKER, NAMESPACE
from functions.runtime.messaging import delays
from functions.runtime.messaging.exchanges import COMMANDS, DEAD_LETTERS, EVENTS, REDELIVERY, REPLIES
from functions.runtime.reliability.dead_letter_router import UNROUTABLE
from functions.runtime.serving.transport_security import require_tls
from functions.wire import access_refusals
from functions.wire.settings import InvalidSetting

BROKER_LABEL = "eventing.knative.dev/broker"
TRIGGER_LABEL = "eventing.knative.dev/trigger"
FUNCTIONS = "capsule.dev/functions"
GROUPED_EVENTS = "capsule.dev/events"
EVERY_EVENT = "#"
PRECONDITION_FAILED = 406
WAIT_TIMEOUT_SECONDS = 300.0
"""For the Broker and its Triggers to become ready."""
POLL_SECONDS = 0.5

Object = Mapping[str, Any]


class TopologyRefused(Exception):
    """RabbitMQ refuses the login or a declaration. The text says what would be right."""


class NotReady(Exception):
    """The Broker or a Trigger is not ready. The text names it."""


@dataclass(frozen=True)
class Binding:
    """`to_queue`: the destination is a queue, otherwise an exchange. `type`: the message type that a headers exchange matches."""

    source: str
    destination: str
    key: str
    to_queue: bool
    type: str | None = None


def is_ready(object: Object) -> bool:
    conditions = object.get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def plan(
    broker: Object, triggers: Sequence[Object], exchanges: Sequence[Object], queues: Sequence[Object], bindings: Sequence[Object]
) -> list[Binding]:
    """Return the bindings that the cluster's objects require. Raises NotReady."""
    name = broker["metadata"]["name"]
    if not is_ready(broker):
        raise NotReady(f"Broker {name} is not ready")
    dead_letter_exchanges = {_spec(binding)["source"] for binding in bindings if _belongs(binding, name) and TRIGGER_LABEL not in _labels(binding)}
    own = [_spec(exchange)["name"] for exchange in exchanges if _belongs(exchange, name) and TRIGGER_LABEL not in _labels(exchange)]
    main = [exchange for exchange in own if exchange not in dead_letter_exchanges]
    if len(main) != 1:
        raise NotReady(f"Broker {name} has {len(main)} main exchanges instead of one")
    planned = [Binding(DEAD_LETTERS, exchange, "", to_queue=False) for exchange in own if exchange in dead_letter_exchanges]
    for trigger in triggers:
        if trigger["spec"]["broker"] != name:
            continue
        if FUNCTIONS in trigger["metadata"].get("annotations", {}):
            planned += _trigger_bindings(trigger, main[0], queues)
        elif type := _type_of(trigger):
            planned += [Binding(exchange, main[0], type, to_queue=False) for exchange in (COMMANDS, EVENTS)]
        else:
            planned.append(Binding(EVENTS, main[0], EVERY_EVENT, to_queue=False))
    return planned


def former(planned: Sequence[Binding], exchanges: Sequence[Object]) -> list[Binding]:
    """Return bindings of former plans that this one does not have: every event into the Broker's exchange."""
    candidates = [Binding(EVENTS, _spec(each)["name"], EVERY_EVENT, to_queue=False) for each in exchanges if TRIGGER_LABEL not in _labels(each)]
    return [each for each in candidates if each not in planned]


def _trigger_bindings(trigger: Object, exchange: str, queues: Sequence[Object]) -> Iterator[Binding]:
    name = trigger["metadata"]["name"]
    own_queues = [_spec(queue)["name"] for queue in queues if _labels(queue).get(TRIGGER_LABEL) == name]
    if not is_ready(trigger) or len(own_queues) != 1:
        raise NotReady(f"Trigger {name} is not ready")
    annotations = trigger["metadata"]["annotations"]
    functions, grouped = _split(annotations[FUNCTIONS]), _split(annotations.get(GROUPED_EVENTS, ""))
    for function in functions:
        yield Binding(COMMANDS, own_queues[0], function, to_queue=True)
    for event in grouped:
        yield Binding(exchange, own_queues[0], "", to_queue=True, type=event)
    type = _type_of(trigger)
    for event in grouped or [each for each in (type,) if each and each not in functions]:  # a command's type is its function's name
        yield Binding(EVENTS, own_queues[0], event, to_queue=True)


def _type_of(trigger: Object) -> str | None:
    """Return the type that a Trigger filters on."""
    type: str | None = ((trigger["spec"].get("filter") or {}).get("attributes") or {}).get("type")
    return type


def _split(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _labels(object: Object) -> Mapping[str, str]:
    labels: Mapping[str, str] = object["metadata"].get("labels") or {}
    return labels


def _spec(object: Object) -> Mapping[str, Any]:
    spec: Mapping[str, Any] = object["spec"]
    return spec


def _belongs(object: Object, broker: str) -> bool:
    return _labels(object).get(BROKER_LABEL) == broker


def declare_exchanges(channel: BlockingChannel) -> None:
    """Declare the exchanges and queues that need no Broker. After this the bus works."""
    channel.exchange_declare(COMMANDS, "direct", durable=True)
    channel.exchange_declare(EVENTS, "topic", durable=True)
    channel.exchange_declare(DEAD_LETTERS, "fanout", durable=True)
    channel.exchange_declare(REPLIES, "direct", durable=True)
    channel.exchange_declare(REDELIVERY, "topic", durable=True)
    channel.exchange_bind(COMMANDS, REDELIVERY, "#")
    channel.exchange_declare(UNROUTABLE, "fanout", durable=True)
    channel.queue_declare(UNROUTABLE, durable=True, arguments={"x-queue-type": "quorum"})
    channel.queue_bind(UNROUTABLE, UNROUTABLE)
    for level in delays.LEVELS_SECONDS:
        name = delays.exchange_of(level)
        channel.exchange_declare(name, "topic", durable=True)
        channel.queue_declare(name, durable=True, arguments=dict(delays.queue_arguments(level)))
        channel.queue_bind(name, name, "#")


def bind(channel: BlockingChannel, bindings: Sequence[Binding]) -> None:
    for binding in bindings:
        if binding.to_queue:
            match = {"x-match": "all", "type": binding.type} if binding.type else None
            channel.queue_bind(binding.destination, binding.source, binding.key, arguments=match)
        else:
            channel.exchange_bind(binding.destination, binding.source, binding.key)


def unbind(channel: BlockingChannel, bindings: Sequence[Binding]) -> None:
    """Delete bindings between exchanges. Idempotent. Call it after `bind`, so that no message is without a way."""
    for binding in bindings:
        channel.exchange_unbind(binding.destination, binding.source, binding.key)


class Cluster:
    """Reads the cluster's objects."""

    def __init__(self, namespace: str, broker: str) -> None:
        from kubernetes import client, config  # heavy, and needed by this job only

        config.load_config()
        self.api = client.CustomObjectsApi()
        self.namespace = namespace
        self._broker = broker

    def _list(self, group: str, version: str, plural: str) -> Sequence[Object]:
        items: Sequence[Object] = self.api.list_namespaced_custom_object(group, version, self.namespace, plural)["items"]
        return items

    def plan(self) -> tuple[list[Binding], list[Binding]]:
        """Return the bindings to declare, and those to delete. Raises NotReady."""
        brokers = [broker for broker in self._list("eventing.knative.dev", "v1", "brokers") if broker["metadata"]["name"] == self._broker]
        if not brokers:
            raise NotReady(f"Broker {self._broker} does not exist in the namespace {self.namespace}")
        triggers = self._list("eventing.knative.dev", "v1", "triggers")
        rabbit = {plural: self._list("rabbitmq.com", "v1beta1", plural) for plural in ("exchanges", "queues", "bindings")}
        planned = plan(brokers[0], triggers, rabbit["exchanges"], rabbit["queues"], rabbit["bindings"])
        return planned, former(planned, [each for each in rabbit["exchanges"] if _belongs(each, self._broker)])


def wait_for_plan(cluster: Cluster, timeout_seconds: float = WAIT_TIMEOUT_SECONDS) -> tuple[list[Binding], list[Binding]]:
    """Return the plan as soon as the Broker and its Triggers are ready. Raises NotReady after the timeout."""
    until = time.monotonic() + timeout_seconds
    while True:
        try:
            return cluster.plan()
        except NotReady as error:
            if time.monotonic() > until:
                raise
            print(f"waiting: {error}", flush=True)
            time.sleep(POLL_SECONDS)


REQUIRED_PERMISSIONS = {
    "exchange": "configure, write or read (the destination of a binding is written, its source read)",
    "queue": "configure or write",
}
"""For all operations of this job; used for RabbitMQ versions that do not name the permission in the error."""


def main() -> int:
    try:
        require_tls(Settings())
        parameters = pika.URLParameters(AMQP_URL.read(os.environ))
        with_channel(parameters, declare_exchanges)
        bindings, obsolete = wait_for_plan(Cluster(NAMESPACE.read(os.environ), BROKER.read(os.environ)))
        with_channel(parameters, lambda channel: rebind(channel, bindings, obsolete))
    except (InvalidSetting, TopologyRefused) as error:
        return _fail(str(error))
    except NotReady as error:
        return _fail(f"{error} after {WAIT_TIMEOUT_SECONDS:.0f} s")
    print(f"{len(bindings)} bindings declared")
    return 0


def with_channel(parameters: pika.URLParameters, operation: Callable[[BlockingChannel], object]) -> None:
    """Run declarations on a connection of their own. Raises TopologyRefused where RabbitMQ refuses the login or a declaration,
    AMQPConnectionError where it cannot be reached."""
    try:
        connection = pika.BlockingConnection(parameters)
    except (ProbableAuthenticationError, ProbableAccessDeniedError) as error:
        refusal = access_refusals.login_refusal(error, parameters.credentials.username, parameters.virtual_host)
        raise TopologyRefused(refusal or str(error)) from error
    try:
        operation(connection.channel())
    except ChannelClosedByBroker as error:
        raise TopologyRefused(_describe(error)) from error
    finally:
        connection.close()


def _describe(error: ChannelClosedByBroker) -> str:
    if error.reply_code == PRECONDITION_FAILED:
        remedy = "It exists with other arguments than this release declares. Let it run empty, delete it and run this job again."
        return f"{error.reply_text}\n{remedy}"
    return str(access_refusals.refusal_in(error, REQUIRED_PERMISSIONS) or error)


def rebind(channel: BlockingChannel, bindings: Sequence[Binding], obsolete: Sequence[Binding]) -> None:
    """Declare bindings, and then delete those of former plans."""
    bind(channel, bindings)
    unbind(channel, obsolete)


def _fail(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
