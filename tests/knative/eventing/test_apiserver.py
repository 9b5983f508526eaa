"""ApiServerSources: changes of the cluster's objects reach a Broker as events."""

import json
from typing import Any

import pytest

from knative.local.eventing.apiserver import plural, selected
from tests.knative.eventing.conftest import Machine, Subscriber, broker, trigger, until
from tests.knative.eventing.test_brokers import Make

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


async def watched(machine: Machine, sink: Subscriber, **spec: Any) -> None:
    machine.apply(*broker(), trigger("all", sink.url), source(**spec))
    await machine.ready("Trigger.eventing.knative.dev", "all")
    await machine.ready(SOURCE, "facts")


def told(sink: Subscriber) -> list[tuple[str, str]]:
    return [(seen.headers["ce-type"].removeprefix("dev.knative.apiserver."), seen.headers["ce-name"]) for seen in sink.seen]


async def test_changes_of_what_is_selected_are_told_in_order(machine: Machine, subscriber: Make) -> None:
    sink = await subscriber()
    machine.apply(config("before"))
    await watched(machine, sink)
    machine.apply(config("other", managed=False), config("one"))
    machine.apply(config("one", a="1"))
    machine.store.delete("ConfigMap", "test", "one")
    machine.apply(config("before", b="2"))
    await until(lambda: len(sink.seen) == 4)
    assert told(sink) == [("ref.add", "one"), ("ref.update", "one"), ("ref.delete", "one"), ("ref.update", "before")]
    first = sink.seen[0]
    assert first.headers["ce-subject"] == "/apis/v1/namespaces/test/configmaps/one"
    assert (first.headers["ce-kind"], first.headers["ce-namespace"], first.headers["ce-apiversion"]) == ("ConfigMap", "test", "v1")
    assert json.loads(first.body) == {"kind": "ConfigMap", "namespace": "test", "name": "one", "apiVersion": "v1"}


async def test_the_whole_object_can_be_told(machine: Machine, subscriber: Make) -> None:
    sink = await subscriber()
    await watched(machine, sink, mode="Resource", ceOverrides={"extensions": {"cluster": "here"}})
    machine.apply(config("one", a="1"))
    await until(lambda: sink.seen)
    assert sink.seen[0].headers["ce-type"] == "dev.knative.apiserver.resource.add"
    assert sink.seen[0].headers["ce-cluster"] == "here"
    assert json.loads(sink.seen[0].body)["data"] == {"a": "1"}


async def test_namespaces_are_selected_by_label(machine: Machine, subscriber: Make) -> None:
    sink = await subscriber()
    machine.apply(namespace("test"), namespace("app-one", tenant="yes"))
    await watched(machine, sink, namespaceSelector={"matchLabels": {"tenant": "yes"}})
    machine.apply(namespace("app-two", tenant="yes"))
    machine.apply(config("here"), config("there", namespace="app-one"), config("later", namespace="app-two"))
    await until(lambda: len(sink.seen) == 2)
    assert told(sink) == [("ref.add", "there"), ("ref.add", "later")]


async def test_leaving_the_selector_is_a_deletion(machine: Machine, subscriber: Make) -> None:
    sink = await subscriber()
    await watched(machine, sink)
    machine.apply(config("one"))
    machine.apply(config("one", managed=False))
    await until(lambda: len(sink.seen) == 2)
    assert told(sink) == [("ref.add", "one"), ("ref.delete", "one")]


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        (None, True),
        ({}, True),
        ({"matchLabels": {"a": "1"}}, True),
        ({"matchLabels": {"a": "2"}}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["1"]}]}, True),
        ({"matchExpressions": [{"key": "b", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "b", "operator": "DoesNotExist"}]}, True),
    ],
)
def test_selectors(selector: dict[str, Any] | None, matches: bool) -> None:
    assert selected(selector, {"a": "1"}) is matches


def test_plurals_are_guessed_as_kubernetes_guesses_them() -> None:
    assert [plural(kind) for kind in ("Job", "Service", "Ingress", "NetworkPolicy")] == ["jobs", "services", "ingresses", "networkpolicies"]
