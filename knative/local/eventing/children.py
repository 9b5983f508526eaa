"""The rabbitmq.com objects that Brokers and Triggers write, in the shape eventing-rabbitmq writes them."""

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
    spec = {"name": name, "type": "headers", "durable": True, "autoDelete": False, **_where(config)}
    return _child("Exchange", owner, name, labels, spec)


def queue(
    owner: Object, name: str, labels: Mapping[str, str], config: Mapping[str, Any], queue: str, dead_letter_exchange: str | None = None
) -> Object:
    """Upstream sets the dead-letter exchange (of expired messages) by a policy; over AMQP alone it is an argument of the queue."""
    spec = {"name": queue, "type": config.get("queueType", "quorum"), "durable": True, "autoDelete": False, **_where(config)}
    if dead_letter_exchange is not None:
        spec["arguments"] = {"x-dead-letter-exchange": dead_letter_exchange}
    return _child("Queue", owner, name, labels, spec)


def binding(
    owner: Object, name: str, labels: Mapping[str, str], config: Mapping[str, Any], source: str, queue: str, match: Mapping[str, str]
) -> Object:
    spec = {
        "source": source, "destination": queue, "destinationType": "queue", "routingKey": "",
        "arguments": {**match, "x-match": "all"}, **_where(config),
    }  # fmt: skip
    return _child("Binding", owner, name, labels, spec)


def _where(config: Mapping[str, Any]) -> dict[str, Any]:
    return {"vhost": config.get("vhost") or "/", "rabbitmqClusterReference": config["rabbitmqClusterReference"]}


def ensured(store: Store, wanted: Object) -> Object:
    """The object as it is in the store, applied only if something differs: a reconcile that changes nothing writes nothing.

    A binding, or the name of a queue or exchange, cannot be changed. Where they must (the Broker was deleted and made anew, with another
    UID) the object goes first and is made again when it is gone, and what it stood for in RabbitMQ with it."""
    metadata = wanted["metadata"]
    live = store.find(kind_of(wanted), metadata["namespace"], metadata["name"])
    if live is None:
        return store.apply(wanted)
    if "deletionTimestamp" in live["metadata"] or _is_another(live["spec"], wanted):
        store.delete(kind_of(wanted), metadata["namespace"], metadata["name"])
        return {**live, "status": {}}
    if live["spec"].items() >= wanted["spec"].items() and live["metadata"].get("labels") == metadata["labels"]:
        return live
    return store.apply(wanted)


def _is_another(live: Mapping[str, Any], wanted: Object) -> bool:
    fixed = ("source", "destination", "arguments") if wanted["kind"] == "Binding" else ("name",)
    return any(live.get(field) != wanted["spec"].get(field) for field in fixed)


def delete(store: Store, kind: str, namespace: str, name: str) -> None:
    if store.find(kind, namespace, name) is not None:
        store.delete(kind, namespace, name)
