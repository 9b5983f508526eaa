"""create, get, list, update, patch and delete with the `kubernetes` client against a real process."""

import json
import os
import re

import httpx
import pytest
import urllib3
from kubernetes import client
from kubernetes.client import ApiException
from kubernetes.dynamic import DynamicClient

from tests.knative.api.conftest import Server, config_map, eventually, service


def refusal(error: ApiException) -> dict[str, object]:
    """Return the Status object of an error."""
    status = json.loads(error.body)
    assert (status["kind"], status["status"], status["code"]) == ("Status", "Failure", error.status)
    return dict(status)


def test_an_object_is_stored_as_sent(core: client.CoreV1Api, namespace: str) -> None:
    new = core.create_namespaced_config_map(namespace, {**config_map("a", k="v"), "metadata": {"name": "a", "labels": {"x": "y"}}})
    assert new.metadata.uid and new.metadata.creation_timestamp and new.metadata.resource_version
    current = core.read_namespaced_config_map("a", namespace)
    assert (current.data, current.metadata.labels, current.metadata.uid) == ({"k": "v"}, {"x": "y"}, new.metadata.uid)
    assert [item.metadata.name for item in core.list_namespaced_config_map(namespace).items] == ["a"]
    core.delete_namespaced_config_map("a", namespace)
    with pytest.raises(ApiException) as error:
        core.read_namespaced_config_map("a", namespace)
    assert refusal(error.value)["reason"] == "NotFound"


def test_names_are_unique_or_generated(core: client.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, config_map("a"))
    with pytest.raises(ApiException) as error:
        core.create_namespaced_config_map(namespace, config_map("a"))
    assert refusal(error.value)["reason"] == "AlreadyExists"
    names = {core.create_namespaced_config_map(namespace, {"metadata": {"generateName": "g-"}}).metadata.name for _ in range(3)}
    assert len(names) == 3 and all(re.fullmatch(r"g-[a-z0-9]{5}", name) for name in names)


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("tier=web", {"a", "b"}), ("tier==web,env!=prod", {"b"}), ("env in (prod, dev)", {"a", "b"}), ("env notin (prod)", {"b", "c"}),
        ("env", {"a", "b"}), ("!env", {"c"}), ("tier=web,env in (dev)", {"b"}), ("nope", set()),
    ],
)  # fmt: skip
def test_list_by_labels(core: client.CoreV1Api, namespace: str, selector: str, names: set[str]) -> None:
    for name, labels in {"a": {"tier": "web", "env": "prod"}, "b": {"tier": "web", "env": "dev"}, "c": {"tier": "db"}}.items():
        core.create_namespaced_config_map(namespace, {"metadata": {"name": name, "labels": labels}})
    current = core.list_namespaced_config_map(namespace, label_selector=selector)
    assert {item.metadata.name for item in current.items} == names


def test_list_by_fields_refuses_invalid_selectors(core: client.CoreV1Api, namespace: str) -> None:
    for name in ("a", "b"):
        core.create_namespaced_config_map(namespace, config_map(name))
    everywhere = core.list_config_map_for_all_namespaces(field_selector=f"metadata.namespace={namespace},metadata.name!=a")
    assert [item.metadata.name for item in everywhere.items] == ["b"]
    with pytest.raises(ApiException) as error:
        core.list_namespaced_config_map(namespace, label_selector="a in b")
    assert error.value.status == 400


def test_a_stale_update_is_a_conflict(core: client.CoreV1Api, namespace: str) -> None:
    first = core.create_namespaced_config_map(namespace, config_map("a", n="1"))
    first.data = {"n": "2"}
    second = core.replace_namespaced_config_map("a", namespace, first)
    assert int(second.metadata.resource_version) > int(first.metadata.resource_version)
    with pytest.raises(ApiException) as error:
        core.replace_namespaced_config_map("a", namespace, first)
    assert refusal(error.value)["reason"] == "Conflict"
    assert core.read_namespaced_config_map("a", namespace).data == {"n": "2"}


def test_a_write_without_changes_keeps_the_version(custom: client.CustomObjectsApi, namespace: str) -> None:
    place = ("serving.knative.dev", "v1", namespace, "services")
    new = custom.create_namespaced_custom_object(*place, service("web", namespace))
    replaced = custom.replace_namespaced_custom_object(*place, "web", new)
    assert replaced["metadata"]["resourceVersion"] == new["metadata"]["resourceVersion"]
    labelled = custom.patch_namespaced_custom_object(*place, "web", {"metadata": {"labels": {"a": "b"}}})
    assert labelled["metadata"]["generation"] == 1
    changed = custom.patch_namespaced_custom_object(*place, "web", {"spec": {"template": {"spec": {"timeoutSeconds": 30}}}})
    assert changed["metadata"]["generation"] == 2


def test_patches(http: httpx.Client, core: client.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, config_map("a", keep="1", drop="2"))

    def patch(sort: str, body: object) -> dict[str, str]:
        current = http.patch(f"/api/v1/namespaces/{namespace}/configmaps/a", headers={"Content-Type": sort}, content=json.dumps(body))
        return dict(current.raise_for_status().json()["data"])

    assert patch("application/merge-patch+json", {"data": {"drop": None, "new": "3"}}) == {"keep": "1", "new": "3"}
    assert patch("application/json-patch+json", [{"op": "replace", "path": "/data/keep", "value": "9"}]) == {"keep": "9", "new": "3"}
    assert patch("application/strategic-merge-patch+json", {"data": {"$retainKeys": ["new"], "new": "4"}}) == {"new": "4"}


def test_a_strategic_patch_merges_lists_by_key(core: client.CoreV1Api, api: client.ApiClient, namespace: str) -> None:
    batch = client.BatchV1Api(api)
    spec = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]}
    batch.create_namespaced_job(namespace, {"metadata": {"name": "j"}, "spec": {"suspend": True, "template": {"spec": spec}}})
    with pytest.raises(ApiException) as error:
        batch.patch_namespaced_job("j", namespace, {"spec": {"template": {"spec": {"containers": [{"name": "b", "image": "z"}]}}}})
    assert error.value.status == 422 and "spec.template: field is immutable" in str(refusal(error.value)["message"])
    core.create_namespaced_service(namespace, {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}]}})
    current = core.patch_namespaced_service("s", namespace, {"spec": {"ports": [{"port": 81, "targetPort": 8081}]}})
    assert [(port.port, port.name, port.target_port) for port in current.spec.ports] == [(80, "a", None), (81, "b", 8081)]


def test_custom_resources_refuse_strategic_patches(http: httpx.Client, custom: client.CustomObjectsApi, namespace: str) -> None:
    custom.create_namespaced_custom_object("serving.knative.dev", "v1", namespace, "services", service("web", namespace))
    path = f"/apis/serving.knative.dev/v1/namespaces/{namespace}/services/web"
    current = http.patch(path, headers={"Content-Type": "application/strategic-merge-patch+json"}, content="{}")
    assert (current.status_code, current.json()["reason"]) == (415, "UnsupportedMediaType")


def test_a_dry_run_stores_nothing(core: client.CoreV1Api, namespace: str) -> None:
    assert core.create_namespaced_config_map(namespace, config_map("a"), dry_run="All").metadata.uid
    assert core.list_namespaced_config_map(namespace).items == []
    core.create_namespaced_config_map(namespace, config_map("a", k="v"))
    core.delete_namespaced_config_map("a", namespace, dry_run="All")
    assert core.patch_namespaced_config_map("a", namespace, {"data": {"k": "w"}}, dry_run="All").data == {"k": "w"}
    assert core.read_namespaced_config_map("a", namespace).data == {"k": "v"}


def test_the_status_is_written_only_through_its_subresource(custom: client.CustomObjectsApi, namespace: str) -> None:
    place = ("serving.knative.dev", "v1", namespace, "services")
    new = custom.create_namespaced_custom_object(*place, {**service("web", namespace), "status": {"url": "http://evil"}})
    assert "status" not in new
    custom.patch_namespaced_custom_object_status(*place, "web", {"status": {"url": "http://x"}})
    custom.patch_namespaced_custom_object(*place, "web", {"status": {"url": "http://evil"}, "metadata": {"labels": {"a": "b"}}})
    current = custom.get_namespaced_custom_object(*place, "web")
    assert (current["status"], current["metadata"]["generation"]) == ({"url": "http://x"}, 1)


def test_string_data_of_a_secret_is_stored_as_data(core: client.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_secret(namespace, {"metadata": {"name": "s"}, "stringData": {"url": "amqp://x"}})
    current = core.read_namespaced_secret("s", namespace)
    assert (current.data, current.type, current.string_data) == ({"url": "YW1xcDovL3g="}, "Opaque", None)


def test_namespaces_must_exist(core: client.CoreV1Api) -> None:
    with pytest.raises(ApiException) as error:
        core.create_namespaced_config_map("nowhere", config_map("a"))
    assert refusal(error.value)["message"] == 'namespaces "nowhere" not found'


def test_a_namespace_has_a_default_service_account(core: client.CoreV1Api, namespace: str) -> None:
    eventually(lambda: [item.metadata.name for item in core.list_namespaced_service_account(namespace).items] == ["default"])
    assert core.read_namespace(namespace).status.phase == "Active"


def test_an_unknown_kind_is_not_found(api: client.ApiClient, custom: client.CustomObjectsApi, namespace: str) -> None:
    with pytest.raises(ApiException) as error:
        custom.list_namespaced_custom_object("apps", "v1", namespace, "statefulsets")
    assert refusal(error.value)["message"] == "the server could not find the requested resource"
    with pytest.raises(ApiException) as error:
        client.CoreV1Api(api).create_namespaced_pod(namespace, {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a", "image": "b"}]}})
    assert error.value.status == 405


def test_the_dynamic_client_uses_discovery(dynamic: DynamicClient, namespace: str) -> None:
    pings = dynamic.resources.get(api_version="sources.knative.dev/v1", kind="PingSource")
    spec = {"schedule": "*/5 * * * *", "sink": {"uri": "http://localhost"}}
    pings.create(body={"apiVersion": "sources.knative.dev/v1", "kind": "PingSource", "metadata": {"name": "p"}, "spec": spec}, namespace=namespace)
    assert pings.get(namespace=namespace, name="p").spec.schedule == "*/5 * * * *"
    assert dynamic.resources.get(api_version="serving.knative.dev/v1", kind="Service").name == "services"


def test_objects_survive_a_restart_and_a_kill(own_server: Server) -> None:
    for number in range(3):
        with own_server.client() as api:
            client.CoreV1Api(api).create_namespaced_config_map("default", config_map(f"a{number}"))
        own_server.stop(9 if number else 15)
        own_server.start()
        with own_server.client() as api:
            current = client.CoreV1Api(api).list_namespaced_config_map("default").items
        assert [item.metadata.name for item in current] == [f"a{each}" for each in range(number + 1)]


def test_the_kubeconfig_is_private_and_the_connection_is_verified(server: Server) -> None:
    assert oct(os.stat(server.kubeconfig).st_mode & 0o777) == "0o600"
    assert oct(os.stat(server.home / "knative" / "store.db").st_mode & 0o777) == "0o600"
    stranger = urllib3.PoolManager(cert_reqs="CERT_REQUIRED")
    with pytest.raises(urllib3.exceptions.MaxRetryError, match="CERTIFICATE_VERIFY_FAILED"):
        stranger.request("GET", f"https://127.0.0.1:{7030 + server.offset}/version", retries=0)


def test_memory_stays_small(server: Server) -> None:
    assert server.process is not None
    with open(f"/proc/{server.process.pid}/status") as status:
        resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    assert resident < 90 * 1024, "57 MiB of modules, 9 MiB for the runtime of admission policies; 64 to 77 MiB after the tests of a worker"
