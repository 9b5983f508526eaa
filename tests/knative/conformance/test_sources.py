"""PingSources and ApiServerSources, as their subscribers see them."""

import json
from collections.abc import Iterator

import pytest
from kubernetes import client
from kubernetes.client.rest import ApiException

from tests.knative.conformance.cluster import Cluster, until


def test_a_ping_source_sends_to_a_service(cluster: Cluster) -> None:
    """All PingSources have the same event type, so a schedule targets its Service and not the Broker."""
    extensions = {"case": "tick", "function": "billing.every_day"}
    spec = {"data": '{"a":1}', "contentType": "application/json", "ceOverrides": {"extensions": extensions}}
    try:
        cluster.create("PingSource", "tick", {"schedule": "* * * * * *", "sink": cluster.subscriber("sink"), **spec})
    except ApiException as error:  # not every version supports schedules with seconds
        assert error.status == 422
        cluster.create("PingSource", "tick", {"schedule": "* * * * *", "sink": cluster.subscriber("sink"), **spec})
    cluster.ready("PingSource", "tick")
    until(lambda: cluster.requests("tick", "sink"), 90)
    cluster.delete("PingSource", "tick")
    tick = cluster.requests("tick", "sink")[0]
    assert tick.body == b'{"a":1}'
    assert tick.headers["ce-type"] == "dev.knative.sources.ping"
    assert tick.headers["ce-source"] == f"/apis/v1/namespaces/{cluster.namespace}/pingsources/tick"
    assert tick.headers["ce-function"] == "billing.every_day"


def test_a_schedule_with_a_time_zone(cluster: Cluster) -> None:
    cluster.create("PingSource", "zoned", {"schedule": "30 6 * * 1-5", "timezone": "Europe/Berlin", "sink": cluster.subscriber("sink")})
    cluster.ready("PingSource", "zoned")
    cluster.delete("PingSource", "zoned")


@pytest.fixture
def watcher(cluster: Cluster) -> Iterator[str]:
    """A ServiceAccount that may watch ConfigMaps: a cluster's adapter needs it."""
    core, rbac, namespace = client.CoreV1Api(cluster.api.api_client), client.RbacAuthorizationV1Api(cluster.api.api_client), cluster.namespace
    name = f"{cluster.name}-watcher"
    core.create_namespaced_service_account(namespace, {"metadata": {"name": name}})
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}]
    rbac.create_namespaced_role(namespace, {"metadata": {"name": name}, "rules": rules})
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    rbac.create_namespaced_role_binding(namespace, {"metadata": {"name": name}, "roleRef": role, "subjects": [subject]})
    yield name
    rbac.delete_namespaced_role_binding(name, namespace)
    rbac.delete_namespaced_role(name, namespace)
    core.delete_namespaced_service_account(name, namespace)


def test_changes_of_labelled_objects_reach_the_broker(cluster: Cluster, watcher: str) -> None:
    core, label = client.CoreV1Api(cluster.api.api_client), {"capsule.dev/conformance": cluster.name}
    cluster.trigger("facts", "main", cluster.subscriber("sink"), filter={"attributes": {"kind": "ConfigMap"}})
    reference = {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "name": "main"}
    resources = [{"apiVersion": "v1", "kind": "ConfigMap", "selector": {"matchLabels": label}}]
    spec = {"mode": "Reference", "serviceAccountName": watcher, "resources": resources, "sink": {"ref": reference}}
    cluster.create("ApiServerSource", "facts", {**spec, "ceOverrides": {"extensions": {"case": "facts"}}})
    cluster.ready("Trigger", "facts")
    cluster.ready("ApiServerSource", "facts")
    name = f"{cluster.name}-fact"
    core.create_namespaced_config_map(cluster.namespace, {"metadata": {"name": name, "labels": label}})
    until(lambda: len(cluster.requests("facts")) == 1, 60)
    core.patch_namespaced_config_map(name, cluster.namespace, {"data": {"a": "1"}})
    until(lambda: len(cluster.requests("facts")) == 2, 60)
    core.delete_namespaced_config_map(name, cluster.namespace)
    until(lambda: len(cluster.requests("facts")) == 3, 60)
    received = cluster.requests("facts")
    assert [each.headers["ce-type"] for each in received] == [f"dev.knative.apiserver.ref.{verb}" for verb in ("add", "update", "delete")]
    assert received[0].headers["ce-subject"] == f"/apis/v1/namespaces/{cluster.namespace}/configmaps/{name}"
    assert (received[0].headers["ce-name"], received[0].headers["ce-namespace"], received[0].headers["ce-apiversion"]) == (
        name,
        cluster.namespace,
        "v1",
    )
    assert json.loads(received[0].body) == {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "namespace": cluster.namespace}
    cluster.delete("ApiServerSource", "facts")
    cluster.delete("Trigger", "facts")
