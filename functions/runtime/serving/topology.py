"""`python -m functions.runtime.serving.topology`: the job that ties our exchanges to the Broker's, after the Broker is ready.

The Broker's exchange and its Triggers' queues carry UIDs in their names, so they are read from the cluster's objects, never computed, and
the job runs again whenever the Broker or a Trigger was made anew. Everything it declares is declared over AMQP and may be declared again.

    capsule.commands  ──name of each function───────────▶ its Trigger's queue           (direct)
    capsule.commands  ──type of somebody else's Trigger─▶ the Broker's exchange
    capsule.commands  ──auth.*──────────────────────────▶ the queue of a context's group   what failed on its way there
    the Broker's exchange ──types that a group takes────▶ its queue                    (a Trigger filters on one alone)
    capsule.events    ──#───────────────────────────────▶ the Broker's exchange         (topic)
    dlx               ─────────────────────────────────▶ the Broker's DLX exchange     (fanout; never its main exchange: it would loop)
    capsule.redelivery ─#───────────────────────────────▶ capsule.commands              (topic: its routing keys are authorized)
    capsule.delay.<n>s ─#─▶ queue, expires ─▶ capsule.commands                          (topic, likewise)
    capsule.unroutable ─────────────────────────────────▶ its queue                     (fanout)

A command and a query have one handler, and so has a retry: their way is from our exchange straight into the queue that the Broker has made for that
handler's Trigger. Over the Broker's own exchange they would get there too, but that is a headers exchange, which compares a message with the
arguments of every binding it has: with a hundred Triggers half of what RabbitMQ spends on a command (690 → 420 µs of CPU a request). Events
have many handlers, foreign ones too, and take that way. A Trigger of somebody else's gets commands of the type that it filters on; the job
runs again for it.
"""

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker, ProbableAccessDeniedError, ProbableAuthenticationError

from functions.runtime.messaging import delays
from functions.runtime.messaging.bus import COMMANDS, DEAD_LETTERS, EVENTS, REDELIVERY, REPLIES
from functions.runtime.reliability.dead_letter_router import UNROUTABLE
from functions.wire import access_refusals

BROKER_LABEL = "eventing.knative.dev/broker"
TRIGGER_LABEL = "eventing.knative.dev/trigger"
FUNCTIONS = "capsule.dev/functions"
GROUPED_EVENTS = "capsule.dev/events"
PRECONDITION_FAILED = 406
PATIENCE = 300.0
"""Seconds to wait for the Broker and its Triggers."""

Object = Mapping[str, Any]


class NotReady(Exception):
    """The Broker or a Trigger has not been reconciled yet. The text says which."""


@dataclass(frozen=True)
class Binding:
    source: str
    destination: str
    key: str
    to_queue: bool
    type: str | None = None
    """Of a headers exchange: the message's."""


def is_ready(object: Object) -> bool:
    conditions = object.get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def plan(
    broker: Object, triggers: Sequence[Object], exchanges: Sequence[Object], queues: Sequence[Object], bindings: Sequence[Object]
) -> list[Binding]:
    """What must be bound, from the cluster's objects. Raises NotReady."""
    name = broker["metadata"]["name"]
    if not is_ready(broker):
        raise NotReady(f"Broker {name} is not ready")
    dead = {_spec(binding)["source"] for binding in bindings if _belongs(binding, name) and TRIGGER_LABEL not in _labels(binding)}
    own = [_spec(exchange)["name"] for exchange in exchanges if _belongs(exchange, name) and TRIGGER_LABEL not in _labels(exchange)]
    main = [exchange for exchange in own if exchange not in dead]
    if len(main) != 1:
        raise NotReady(f"Broker {name} has {len(main)} exchanges that are not its dead letters'")
    made = [Binding(EVENTS, main[0], "#", to_queue=False)]
    made += [Binding(DEAD_LETTERS, exchange, "", to_queue=False) for exchange in own if exchange in dead]
    for trigger in triggers:
        if trigger["spec"]["broker"] != name:
            continue
        if FUNCTIONS in trigger["metadata"].get("annotations", {}):
            made += _of_trigger(trigger, main[0], queues)
        elif wanted := ((trigger["spec"].get("filter") or {}).get("attributes") or {}).get("type"):
            made.append(Binding(COMMANDS, main[0], wanted, to_queue=False))
    return made


def _of_trigger(trigger: Object, exchange: str, queues: Sequence[Object]) -> Iterator[Binding]:
    name = trigger["metadata"]["name"]
    mine = [_spec(queue)["name"] for queue in queues if _labels(queue).get(TRIGGER_LABEL) == name]
    if not is_ready(trigger) or len(mine) != 1:
        raise NotReady(f"Trigger {name} is not ready")
    annotations = trigger["metadata"]["annotations"]
    functions = _listed(annotations[FUNCTIONS])
    for function in functions:
        yield Binding(COMMANDS, mine[0], function, to_queue=True)
    for event in _listed(annotations.get(GROUPED_EVENTS, "")):
        yield Binding(exchange, mine[0], "", to_queue=True, type=event)


def _listed(text: str) -> list[str]:
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
    """What is ours and needs nothing of the Broker: so the bus works as soon as this has run."""
    channel.exchange_declare(COMMANDS, "direct", durable=True)
    channel.exchange_declare(EVENTS, "topic", durable=True)
    channel.exchange_declare(DEAD_LETTERS, "fanout", durable=True)
    channel.exchange_declare(REPLIES, "direct", durable=True)
    channel.exchange_declare(REDELIVERY, "topic", durable=True)
    channel.exchange_bind(COMMANDS, REDELIVERY, "#")
    channel.exchange_declare(UNROUTABLE, "fanout", durable=True)
    channel.queue_declare(UNROUTABLE, durable=True, arguments={"x-queue-type": "quorum"})
    channel.queue_bind(UNROUTABLE, UNROUTABLE)
    for level in delays.LEVELS:
        name = delays.exchange_of(level)
        _declare_delay_exchange(channel.connection, name)
        channel.queue_declare(name, durable=True, arguments=dict(delays.queue_arguments(level)))
        channel.queue_bind(name, name, "#")


def _declare_delay_exchange(connection: pika.BlockingConnection, name: str) -> None:
    """0.1.0 declared it as a fanout exchange. The type of an exchange cannot change, so that one is replaced; what waits in its queue stays there."""
    probe = connection.channel()
    try:
        probe.exchange_declare(name, "topic", durable=True)
    except ChannelClosedByBroker as error:
        if error.reply_code != PRECONDITION_FAILED:
            raise
        probe = connection.channel()
        probe.exchange_delete(name)
        probe.exchange_declare(name, "topic", durable=True)
    probe.close()


def bind(channel: BlockingChannel, bindings: Sequence[Binding]) -> None:
    for binding in bindings:
        if binding.to_queue:
            match = {"x-match": "all", "type": binding.type} if binding.type else None
            channel.queue_bind(binding.destination, binding.source, binding.key, arguments=match)
        else:
            channel.exchange_bind(binding.destination, binding.source, binding.key)


class Cluster:
    """The objects that the plan is made from."""

    def __init__(self, namespace: str, broker: str) -> None:
        from kubernetes import client, config  # heavy, and needed by this job alone

        config.load_config()
        self._api = client.CustomObjectsApi()
        self._namespace = namespace
        self._broker = broker

    def _list(self, group: str, version: str, plural: str) -> Sequence[Object]:
        items: Sequence[Object] = self._api.list_namespaced_custom_object(group, version, self._namespace, plural)["items"]
        return items

    def plan(self) -> list[Binding]:
        """Raises NotReady."""
        brokers = [broker for broker in self._list("eventing.knative.dev", "v1", "brokers") if broker["metadata"]["name"] == self._broker]
        if not brokers:
            raise NotReady(f"there is no Broker {self._broker} in {self._namespace}")
        triggers = self._list("eventing.knative.dev", "v1", "triggers")
        rabbit = {plural: self._list("rabbitmq.com", "v1beta1", plural) for plural in ("exchanges", "queues", "bindings")}
        return plan(brokers[0], triggers, rabbit["exchanges"], rabbit["queues"], rabbit["bindings"])


def wait_for_plan(cluster: Cluster, patience: float = PATIENCE) -> list[Binding]:
    """Raises NotReady when the patience is over."""
    until = time.monotonic() + patience
    while True:
        try:
            return cluster.plan()
        except NotReady as error:
            if time.monotonic() > until:
                raise
            print(f"waiting: {error}", flush=True)
            time.sleep(0.5)


def main() -> int:
    parameters = pika.URLParameters(os.environ["CAPSULE_AMQP_URL"])
    try:
        connection = pika.BlockingConnection(parameters)
    except (ProbableAuthenticationError, ProbableAccessDeniedError) as error:
        return _fail(access_refusals.login_refusal(error, parameters.credentials.username, parameters.virtual_host) or str(error))
    try:
        return _declare(connection)
    except ChannelClosedByBroker as error:
        refusal = access_refusals.refusal_in(error, NEEDS)
        if refusal is None:
            raise
        return _fail(str(refusal))
    finally:
        connection.close()


NEEDS = {"exchange": "configure, write or read (the destination of a binding is written, its source read)", "queue": "configure or write"}
"""Of all operations of this job, for a RabbitMQ that does not name the permission itself."""


def _declare(connection: pika.BlockingConnection) -> int:
    channel = connection.channel()
    try:
        declare_exchanges(channel)
    except ChannelClosedByBroker as error:
        if error.reply_code != PRECONDITION_FAILED:
            raise
        return _fail(f"{error.reply_text}\nIt is there in another form than this release's. Let it run empty, delete it, and run this job again.")
    cluster = Cluster(os.environ.get("CAPSULE_NAMESPACE", "capsule"), os.environ.get("CAPSULE_BROKER", "capsule"))
    try:
        bindings = wait_for_plan(cluster)
    except NotReady as error:
        return _fail(f"{error}, after {PATIENCE:.0f} s")
    bind(channel, bindings)
    print(f"{len(bindings)} bindings declared")
    return 0


def _fail(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
