"""The rabbitmq.com objects of Brokers and Triggers, as eventing-rabbitmq writes them."""

from collections.abc import Mapping
from typing import Any

from knative.local.objects import Object, kind_of, owner_reference
from knative.local.store import Store

API = "rabbitmq.com/v1beta1"


def _child(kind: str, owner: Object, name: str, labels: Mapping[str, str], spec: Mapping[str, Any]) -> Object:
    return {
        "apiVersion": API,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": owner["metadata"]["namespace"],
            "labels": dict(labels),
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": dict(spec),
    }


def exchange(owner: Object, name: str, labels: Mapping[str, str], config: Mapping[str, Any]) -> Object:
    spec = {"name": name, "type": "headers", "durable": True, "autoDelete": False, **_cluster(config)}
    return _child("Exchange", owner, name, labels, spec)


def queue(
    owner: Object, name: str, labels: Mapping[str, str], config: Mapping[str, Any], queue: str, dead_letter_exchange: str | None = None
) -> Object:
    """`queue`: the name in RabbitMQ. Upstream sets the dead-letter exchange for expired messages by a policy; AMQP has an argument for it."""
    spec = {"name": queue, "type": config.get("queueType", "quorum"), "durable": True, "autoDelete": False, **_cluster(config)}
    if dead_letter_exchange is not None:
        spec["arguments"] = {"x-dead-letter-exchange": dead_letter_exchange}
    return _child("Queue", owner, name, labels, spec)


def binding(
    owner: Object, name: str, labels: Mapping[str, str], config: Mapping[str, Any], source: str, queue: str, match: Mapping[str, str]
) -> Object:
    spec = {
        "source": source, "destination": queue, "destinationType": "queue", "routingKey": "",
        "arguments": {**match, "x-match": "all"}, **_cluster(config),
    }  # fmt: skip
    return _child("Binding", owner, name, labels, spec)


def _cluster(config: Mapping[str, Any]) -> dict[str, Any]:
    return {"vhost": config.get("vhost") or "/", "rabbitmqClusterReference": config["rabbitmqClusterReference"]}


def ensure(store: Store, desired: Object) -> Object:
    """Apply an object if it differs from the stored one, and return the stored one. Idempotent: without a difference nothing is written.

    Bindings and the names of queues and exchanges cannot change. If they must (a Broker was deleted and created again,
    with another UID), the object is deleted, with its counterpart in RabbitMQ, and a later reconcile creates it again.
    Until then its status is empty.
    """
    metadata = desired["metadata"]
    live = store.find(kind_of(desired), metadata["namespace"], metadata["name"])
    if live is None:
        return store.apply(desired)
    if "deletionTimestamp" in live["metadata"] or _must_replace(live["spec"], desired):
        store.delete(kind_of(desired), metadata["namespace"], metadata["name"])
        return {**live, "status": {}}
    if live["spec"].items() >= desired["spec"].items() and live["metadata"].get("labels") == metadata["labels"]:
        return live
    return store.apply(desired)


def _must_replace(live: Mapping[str, Any], desired: Object) -> bool:
    immutable = ("source", "destination", "arguments") if desired["kind"] == "Binding" else ("name",)
    return any(live.get(field) != desired["spec"].get(field) for field in immutable)


def delete(store: Store, kind: str, namespace: str, name: str) -> None:
    """Delete an object if it exists."""
    if store.find(kind, namespace, name) is not None:
        store.delete(kind, namespace, name)
