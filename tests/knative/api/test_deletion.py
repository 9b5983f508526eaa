"""Deletion: finalizers, the three propagation policies, and namespaces with their objects."""

from typing import Any

import httpx
import pytest
from kubernetes import client
from kubernetes.client import ApiException

from tests.knative.api.conftest import Server, config_map, eventually


def child(name: str, *owners: Any) -> dict[str, Any]:
    references = [{"apiVersion": "v1", "kind": "ConfigMap", "name": owner.metadata.name, "uid": owner.metadata.uid} for owner in owners]
    return {"metadata": {"name": name, "ownerReferences": references}}


def names(core: client.CoreV1Api, namespace: str) -> set[str]:
    return {item.metadata.name for item in core.list_namespaced_config_map(namespace).items}


def test_finalizers_delay_deletion_until_all_are_removed(core: client.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "a", "finalizers": ["x.dev/one", "x.dev/two"]}})
    marked = core.delete_namespaced_config_map("a", namespace)
    assert core.read_namespaced_config_map("a", namespace).metadata.deletion_timestamp is not None, marked
    with pytest.raises(ApiException) as error:
        core.patch_namespaced_config_map("a", namespace, {"metadata": {"finalizers": ["x.dev/one", "x.dev/two", "x.dev/three"]}})
    assert error.value.status == 422
    core.patch_namespaced_config_map("a", namespace, {"metadata": {"finalizers": ["x.dev/two"]}})
    assert names(core, namespace) == {"a"}
    core.patch_namespaced_config_map("a", namespace, {"metadata": {"finalizers": None}})
    assert names(core, namespace) == set()


def test_children_are_deleted_with_their_last_owner(core: client.CoreV1Api, namespace: str) -> None:
    one, two = (core.create_namespaced_config_map(namespace, config_map(name)) for name in ("one", "two"))
    core.create_namespaced_config_map(namespace, child("both", one, two))
    only = core.create_namespaced_config_map(namespace, child("only", one))
    core.create_namespaced_config_map(namespace, child("grandchild", only))
    core.delete_namespaced_config_map("one", namespace)
    eventually(lambda: names(core, namespace) == {"two", "both"})
    eventually(lambda: [each.uid for each in core.read_namespaced_config_map("both", namespace).metadata.owner_references] == [two.metadata.uid])
    core.delete_namespaced_config_map("two", namespace)
    eventually(lambda: names(core, namespace) == set())


def test_foreground_deletion_waits_for_the_children(core: client.CoreV1Api, namespace: str) -> None:
    owner = core.create_namespaced_config_map(namespace, config_map("owner"))
    held = child("held", owner)
    held["metadata"]["finalizers"] = ["x.dev/hold"]
    core.create_namespaced_config_map(namespace, held)
    core.delete_namespaced_config_map("owner", namespace, propagation_policy="Foreground")
    eventually(lambda: core.read_namespaced_config_map("held", namespace).metadata.deletion_timestamp is not None)
    assert core.read_namespaced_config_map("owner", namespace).metadata.finalizers == ["foregroundDeletion"]
    core.patch_namespaced_config_map("held", namespace, {"metadata": {"finalizers": None}})
    eventually(lambda: names(core, namespace) == set())


def test_orphan_deletion_keeps_the_children(core: client.CoreV1Api, namespace: str) -> None:
    owner = core.create_namespaced_config_map(namespace, config_map("owner"))
    core.create_namespaced_config_map(namespace, child("a", owner))
    core.delete_namespaced_config_map("owner", namespace, body={"propagationPolicy": "Orphan"})
    eventually(lambda: names(core, namespace) == {"a"})
    assert not core.read_namespaced_config_map("a", namespace).metadata.owner_references


def test_children_of_a_missing_owner_are_deleted(core: client.CoreV1Api, namespace: str) -> None:
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "00000000-0000-4000-8000-000000000000"}
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "a", "ownerReferences": [reference]}})
    eventually(lambda: names(core, namespace) == set())


def test_a_collection_is_deleted_by_labels(core: client.CoreV1Api, namespace: str) -> None:
    for name, label in (("a", "1"), ("b", "1"), ("c", "2")):
        core.create_namespaced_config_map(namespace, {"metadata": {"name": name, "labels": {"n": label}}})
    core.delete_collection_namespaced_config_map(namespace, label_selector="n=1")
    assert names(core, namespace) == {"c"}


def test_deletion_preconditions(core: client.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, config_map("a"))
    with pytest.raises(ApiException) as error:
        core.delete_namespaced_config_map("a", namespace, body={"preconditions": {"uid": "another"}})
    assert error.value.status == 409 and names(core, namespace) == {"a"}


def test_a_namespace_is_deleted_with_its_objects(core: client.CoreV1Api, http: httpx.Client, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "held", "finalizers": ["x.dev/hold"]}})
    core.create_namespaced_secret(namespace, {"metadata": {"name": "s"}})
    core.delete_namespace(namespace)
    eventually(lambda: core.list_namespaced_secret(namespace).items == [])
    assert core.read_namespace(namespace).status.phase == "Terminating"
    with pytest.raises(ApiException) as error:
        core.create_namespaced_config_map(namespace, config_map("late"))
    assert error.value.status == 403 and "being terminated" in error.value.body
    core.patch_namespaced_config_map("held", namespace, {"metadata": {"finalizers": None}})
    eventually(lambda: http.get(f"/api/v1/namespaces/{namespace}").status_code == 404)


def test_orphaned_children_are_collected_at_the_start(own_server: Server) -> None:
    own_server.stop()
    store = own_server.store()
    owner = store.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner", "namespace": "default"}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    store.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default", "ownerReferences": [reference]}})
    store.delete("ConfigMap", "default", "owner")
    store.close()
    own_server.start()
    with own_server.client() as api:
        core = client.CoreV1Api(api)
        eventually(lambda: names(core, "default") == set())
