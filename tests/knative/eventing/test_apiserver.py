"""ApiServerSources: changes of Kubernetes objects reach a Broker as events."""

import json
from typing import Any

from knative.local.eventing.apiserver import plural
from tests.knative.eventing.conftest import Machine, Subscriber, broker, trigger, until
from tests.knative.eventing.test_brokers import CreateSubscriber

SOURCE = "ApiServerSource.sources.knative.dev"
MANAGED = {"matchLabels": {"capsule.dev/managed": "true"}}


def source(**spec: Any) -> dict[str, Any]:
    sink = {"ref": {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "name": "main"}}
    resources = [{"apiVersion": "batch/v1", "kind": "Job", "selector": MANAGED}, {"apiVersion": "v1", "kind": "ConfigMap", "selector": MANAGED}]
    return {
        "apiVersion": "sources.knative.dev/v1",
        "kind": "ApiServerSource",
        "metadata": {"name": "facts", "namespace": "test"},
        "spec": {"resources": resources, "sink": sink, **spec},
    }


def config(name: str, managed: bool = True, namespace: str = "test", **data: str) -> dict[str, Any]:
    labels = {"capsule.dev/managed": "true"} if managed else {}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace, "labels": labels}, "data": data}


def namespace(name: str, **labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}, "spec": {}}


async def start_source(machine: Machine, sink: Subscriber, **spec: Any) -> None:
    machine.apply(*broker(), trigger("all", sink.url), source(**spec))
    await machine.ready("Trigger.eventing.knative.dev", "all")
    await machine.ready(SOURCE, "facts")


def changes(sink: Subscriber) -> list[tuple[str, str]]:
    """(event type, object name) of the received events."""
    return [(request.headers["ce-type"].removeprefix("dev.knative.apiserver."), request.headers["ce-name"]) for request in sink.received]


async def test_changes_of_selected_objects_are_sent_in_order(machine: Machine, subscriber: CreateSubscriber) -> None:
    sink = await subscriber()
    machine.apply(config("before"))
    await start_source(machine, sink)
    machine.apply(config("other", managed=False), config("one"))
    machine.apply(config("one", a="1"))
    machine.store.delete("ConfigMap", "test", "one")
    machine.apply(config("before", b="2"))
    await until(lambda: len(sink.received) == 4)
    assert changes(sink) == [("ref.add", "one"), ("ref.update", "one"), ("ref.delete", "one"), ("ref.update", "before")]
    first = sink.received[0]
    assert first.headers["ce-subject"] == "/apis/v1/namespaces/test/configmaps/one"
    assert (first.headers["ce-kind"], first.headers["ce-namespace"], first.headers["ce-apiversion"]) == ("ConfigMap", "test", "v1")
    assert json.loads(first.body) == {"kind": "ConfigMap", "namespace": "test", "name": "one", "apiVersion": "v1"}


async def test_mode_resource_sends_the_whole_object(machine: Machine, subscriber: CreateSubscriber) -> None:
    sink = await subscriber()
    await start_source(machine, sink, mode="Resource", ceOverrides={"extensions": {"cluster": "here"}})
    machine.apply(config("one", a="1"))
    await until(lambda: sink.received)
    assert sink.received[0].headers["ce-type"] == "dev.knative.apiserver.resource.add"
    assert sink.received[0].headers["ce-cluster"] == "here"
    assert json.loads(sink.received[0].body)["data"] == {"a": "1"}


async def test_namespaces_are_selected_by_label(machine: Machine, subscriber: CreateSubscriber) -> None:
    sink = await subscriber()
    machine.apply(namespace("test"), namespace("app-one", tenant="yes"))
    await start_source(machine, sink, namespaceSelector={"matchLabels": {"tenant": "yes"}})
    machine.apply(namespace("app-two", tenant="yes"))
    machine.apply(config("here"), config("there", namespace="app-one"), config("later", namespace="app-two"))
    await until(lambda: len(sink.received) == 2)
    assert changes(sink) == [("ref.add", "there"), ("ref.add", "later")]


async def test_an_object_that_leaves_the_selector_is_reported_as_deleted(machine: Machine, subscriber: CreateSubscriber) -> None:
    sink = await subscriber()
    await start_source(machine, sink)
    machine.apply(config("one"))
    machine.apply(config("one", managed=False))
    await until(lambda: len(sink.received) == 2)
    assert changes(sink) == [("ref.add", "one"), ("ref.delete", "one")]


def test_plurals_are_guessed_as_in_kubernetes() -> None:
    assert [plural(kind) for kind in ("Job", "Service", "Ingress", "NetworkPolicy")] == ["jobs", "services", "ingresses", "networkpolicies"]
