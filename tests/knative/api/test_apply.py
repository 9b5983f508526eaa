"""Server-side apply: ownership of fields, removal of fields, conflicts."""

import json
from typing import Any

import httpx
import pytest
from kubernetes import client
from kubernetes.dynamic import DynamicClient

from tests.knative.api.conftest import service


class Applier:
    def __init__(self, http: httpx.Client, namespace: str) -> None:
        self.http, self.namespace = http, namespace

    def __call__(self, object: dict[str, Any], manager: str, force: bool = False, **query: str) -> httpx.Response:
        version = object["apiVersion"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        path = f"{root}/namespaces/{self.namespace}/{object['kind'].lower()}s/{object['metadata']['name']}"
        parameters = {"fieldManager": manager, "force": str(force).lower(), **query}
        return self.http.patch(path, params=parameters, headers={"Content-Type": "application/apply-patch+yaml"}, content=json.dumps(object))

    def ok(self, object: dict[str, Any], manager: str, force: bool = False) -> dict[str, Any]:
        answer = self(object, manager, force)
        assert answer.status_code in (200, 201), answer.text
        return dict(answer.json())


@pytest.fixture
def apply(http: httpx.Client, namespace: str) -> Applier:
    return Applier(http, namespace)


def config(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}


def owners(object: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry["manager"]: entry["fieldsV1"] for entry in object["metadata"]["managedFields"]}


def test_the_first_apply_creates_and_the_next_changes_nothing(apply: Applier) -> None:
    answer = apply(service("web", apply.namespace), "me")
    assert answer.status_code == 201
    again = apply(service("web", apply.namespace), "me")
    assert again.status_code == 200 and again.json() == answer.json()


def test_a_field_no_longer_applied_is_removed(apply: Applier) -> None:
    apply.ok(config(a="1", b="2"), "me")
    assert apply.ok(config(a="1"), "me")["data"] == {"a": "1"}


def test_a_field_another_manager_applied_stays(apply: Applier) -> None:
    apply.ok(config(a="1", b="2"), "me")
    both = apply.ok(config(b="2", c="3"), "you")
    assert owners(both) == {"me": {"f:data": {"f:a": {}, "f:b": {}}}, "you": {"f:data": {"f:b": {}, "f:c": {}}}}
    assert apply.ok(config(a="1"), "me")["data"] == {"a": "1", "b": "2", "c": "3"}
    assert apply.ok(config(), "you")["data"] == {"a": "1"}


def test_a_conflict_names_the_manager_and_the_field_unless_forced(apply: Applier) -> None:
    apply.ok(config(a="1"), "me")
    answer = apply(config(a="2"), "you")
    assert (answer.status_code, answer.json()["reason"]) == (409, "Conflict")
    assert answer.json()["message"] == 'Apply failed with 1 conflict: conflict with "me": .data.a'
    assert answer.json()["details"]["causes"] == [{"reason": "FieldManagerConflict", "message": 'conflict with "me"', "field": ".data.a"}]
    forced = apply.ok(config(a="2"), "you", force=True)
    assert (forced["data"], owners(forced)) == ({"a": "2"}, {"you": {"f:data": {"f:a": {}}}})
    assert apply.ok(config(), "me")["data"] == {"a": "2"}


def test_an_update_takes_ownership(apply: Applier, core: client.CoreV1Api) -> None:
    apply.ok(config(a="1"), "me")
    core.patch_namespaced_config_map("a", apply.namespace, {"data": {"a": "2"}}, field_manager="hand")
    answer = apply(config(a="1"), "me")
    assert answer.status_code == 409 and 'conflict with "hand" using v1: .data.a' in answer.json()["message"]
    assert owners(apply.ok(config(a="1"), "me", force=True)) == {"me": {"f:data": {"f:a": {}}}}


def test_lists_with_keys_are_merged_item_by_item(apply: Applier) -> None:
    def web(*ports: dict[str, Any]) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": list(ports)}}

    http, other = {"port": 80, "name": "http"}, {"port": 81, "name": "other"}
    apply.ok(web(http), "me")
    both = apply.ok(web(other), "you")
    assert both["spec"]["ports"] == [{**http, "protocol": "TCP"}, {**other, "protocol": "TCP"}]
    assert owners(both)["you"]["f:spec"]["f:ports"] == {'k:{"port":81,"protocol":"TCP"}': {".": {}, "f:name": {}, "f:port": {}}}
    assert apply.ok(web(), "me")["spec"]["ports"] == [{**other, "protocol": "TCP"}]


def test_finalizers_and_owner_references_are_merged_as_sets(apply: Applier) -> None:
    def marked(name: str) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "finalizers": [name]}}

    apply.ok(marked("x.dev/one"), "one")
    assert apply.ok(marked("x.dev/two"), "two")["metadata"]["finalizers"] == ["x.dev/one", "x.dev/two"]
    without = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    assert apply.ok(without, "one")["metadata"]["finalizers"] == ["x.dev/two"]
    assert "finalizers" not in apply.ok(without, "two")["metadata"]


def test_traffic_and_containers_of_a_service_are_atomic(apply: Applier) -> None:
    traffic = [{"revisionName": "web-1", "percent": 100}]
    apply.ok({**service("web", apply.namespace), "spec": {**service("web", apply.namespace)["spec"], "traffic": traffic}}, "me")
    other = service("web", apply.namespace)
    other["spec"]["traffic"] = [{"latestRevision": True, "percent": 100}]
    answer = apply(other, "you")
    assert answer.status_code == 409 and answer.json()["message"] == 'Apply failed with 1 conflict: conflict with "me": .spec.traffic'
    assert apply.ok(other, "you", True)["spec"]["traffic"] == other["spec"]["traffic"]


def test_defaults_have_no_field_manager(apply: Applier) -> None:
    result = apply.ok(service("web", apply.namespace), "me")
    assert result["spec"]["template"]["spec"]["timeoutSeconds"] == 300
    fields = owners(result)["me"]["f:spec"]["f:template"]["f:spec"]
    assert fields == {"f:containers": {}}
    assert apply.ok(service("web", apply.namespace, timeoutSeconds=60), "you")["spec"]["template"]["spec"]["timeoutSeconds"] == 60
    assert apply.ok(service("web", apply.namespace), "you")["spec"]["template"]["spec"]["timeoutSeconds"] == 300


def test_a_stale_version_and_a_missing_manager_are_refused(apply: Applier) -> None:
    apply.ok(config(a="1"), "me")
    assert apply({**config(a="2"), "metadata": {"name": "a", "resourceVersion": "1"}}, "me").status_code == 409
    assert apply(config(a="2"), "").status_code == 400


def test_a_dry_run_returns_the_object_without_storing_it(apply: Applier, core: client.CoreV1Api) -> None:
    apply.ok(config(a="1"), "me")
    assert apply(config(a="2"), "me", dryRun="All").json()["data"] == {"a": "2"}
    assert core.read_namespaced_config_map("a", apply.namespace).data == {"a": "1"}


def test_the_dynamic_client_applies(dynamic: DynamicClient, namespace: str) -> None:
    services = dynamic.resources.get(api_version="serving.knative.dev/v1", kind="Service")
    result = dynamic.server_side_apply(services, body=service("web", namespace), name="web", namespace=namespace, field_manager="capsule-deploy")
    assert result.metadata.managedFields[0].manager == "capsule-deploy"
    changed = service("web", namespace, image="capsule.local/other:1")
    again = dynamic.server_side_apply(services, body=changed, name="web", namespace=namespace, field_manager="capsule-deploy")
    assert (again.spec.template.spec.containers[0].image, again.metadata.generation) == ("capsule.local/other:1", 2)
