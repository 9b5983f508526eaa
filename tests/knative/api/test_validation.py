"""Validation: unknown fields, invalid values, immutable fields, rules of Knative, quotas."""

import copy
from typing import Any

import httpx
import pytest
import yaml
from kubernetes import client
from kubernetes.client import ApiException

from tests.knative.api.conftest import eventually, service

EVENTING, SOURCES, RABBITMQ = "eventing.knative.dev", "sources.knative.dev", "rabbitmq.com"

BROKER = """
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: {name: b, annotations: {eventing.knative.dev/broker.class: RabbitMQBroker}}
spec:
  config: {apiVersion: eventing.knative.dev/v1alpha1, kind: RabbitmqBrokerConfig, name: b}
  delivery: {retry: 3, backoffPolicy: exponential, backoffDelay: PT0.5S, timeout: PT60S}
"""
TRIGGER = """
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: t}
spec:
  broker: b
  filter: {attributes: {type: user.created}}
  subscriber: {ref: {apiVersion: serving.knative.dev/v1, kind: Service, name: s}}
"""
CONFIG = """
apiVersion: eventing.knative.dev/v1alpha1
kind: RabbitmqBrokerConfig
metadata: {name: c}
spec: {queueType: quorum, rabbitmqClusterReference: {name: rabbitmq, namespace: rabbitmq}}
"""
BINDING = """
apiVersion: rabbitmq.com/v1beta1
kind: Binding
metadata: {name: b}
spec: {source: a, destination: b, destinationType: exchange, routingKey: k, rabbitmqClusterReference: {name: rabbitmq}}
"""
PING = """
apiVersion: sources.knative.dev/v1
kind: PingSource
metadata: {name: p}
spec: {schedule: "*/10 * * * *", sink: {ref: {apiVersion: serving.knative.dev/v1, kind: Service, name: s}}}
"""
JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: j}
spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: main, image: x}]}}}
"""
SERVICE = """
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: web}
spec: {template: {metadata: {annotations: {}}, spec: {containers: [{image: web}]}}}
"""


def path_of(object: dict[str, Any], namespace: str) -> str:
    return f"/apis/{object['apiVersion']}/namespaces/{namespace}/{object['kind'].lower()}s"


def changed(text: str, at: str, value: object) -> dict[str, Any]:
    """Return the manifest with one value changed. `at`: a path with `/`; dots are part of names."""
    document: dict[str, Any] = yaml.safe_load(text)
    *steps, last = at.split(">")
    node: Any = document
    for step in steps:
        node = node[int(step)] if isinstance(node, list) else node.setdefault(step, {})
    node[last] = value
    return document


@pytest.mark.parametrize("schedule", ["*/10 * * * * *", "CRON_TZ=Europe/Berlin 0 6 * * 1-5", "0 0 31 2 *", "@daily", "0 0 ? * MON"])
def test_schedules_that_a_cluster_admits_are_accepted(http: httpx.Client, namespace: str, schedule: str) -> None:
    object = changed(PING, "spec>schedule", schedule)
    assert http.post(path_of(object, namespace), json=object).status_code == 201


@pytest.mark.parametrize("text", [BROKER, TRIGGER, CONFIG, BINDING, PING, JOB, SERVICE])
def test_valid_objects_are_accepted(http: httpx.Client, namespace: str, text: str) -> None:
    object = yaml.safe_load(text)
    assert http.post(path_of(object, namespace), json=object).status_code == 201


@pytest.mark.parametrize(
    ("text", "at", "path"),
    [
        (SERVICE, "spec>template>spec>hostNetwork", "spec.template.spec.hostNetwork"),
        (SERVICE, "spec>template>spec>containers>0>lifecycle", "spec.template.spec.containers[0].lifecycle"),
        (SERVICE, "spec>template>spec>initContainers", "spec.template.spec.initContainers"),
        (SERVICE, "metadata>clusterName", "metadata.clusterName"),
        (TRIGGER, "spec>filters", "spec.filters"),
        (BROKER, "spec>delivery>jitter", "spec.delivery.jitter"),
        (JOB, "spec>completionsMode", "spec.completionsMode"),
        (PING, "spec>sink>ref>group", "spec.sink.ref.group"),
        (PING, "specs", "specs"),
    ],
)
@pytest.mark.parametrize("validation", ["Strict", "Ignore"])
def test_unknown_fields_are_refused_with_their_path(http: httpx.Client, namespace: str, text: str, at: str, path: str, validation: str) -> None:
    object = changed(text, at, {})
    answer = http.post(path_of(object, namespace), params={"fieldValidation": validation}, json=object)
    assert (answer.status_code, answer.json()["reason"]) == (400, "BadRequest")
    assert f'strict decoding error: unknown field "{path}"' in answer.json()["message"]


CONTAINER = "spec>template>spec>containers>0>"
AUTOSCALING = "spec>template>metadata>annotations>autoscaling.knative.dev/"


@pytest.mark.parametrize(
    ("text", "at", "value", "field"),
    [
        (SERVICE, "spec>template>spec>containers", "x", "spec.template.spec.containers"),
        (SERVICE, "spec>template>spec>containers", [{}], "spec.template.spec.containers[0].image"),
        (SERVICE, "spec>template>spec>timeoutSeconds", 601, "spec.template.spec.timeoutSeconds"),
        (SERVICE, CONTAINER + "resources", {"limits": {"memory": "much"}}, "spec.template.spec.containers[0].resources.limits.memory"),
        (SERVICE, CONTAINER + "securityContext", {"privileged": True}, "spec.template.spec.containers[0].securityContext.privileged"),
        (SERVICE, CONTAINER + "volumeMounts", [{"name": "v", "mountPath": "/v"}], "spec.template.spec.containers[0].volumeMounts[0].name"),
        *((SERVICE, CONTAINER + "env", [{"name": name, "value": "1"}], "spec.template.spec.containers[0].env[0].name")
          for name in ("PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION")),
        *((SERVICE, CONTAINER + "ports", [{"containerPort": port}], "spec.template.spec.containers[0].ports[0].containerPort")
          for port in (8008, 8012, 8013, 8022, 9090, 9091)),
        (SERVICE, CONTAINER + "ports", [{"containerPort": 80}, {"containerPort": 81}], "spec.template.spec.containers[0].ports"),
        (SERVICE, CONTAINER + "ports", [{"containerPort": 80, "name": "web"}], "spec.template.spec.containers[0].ports[0].name"),
        (SERVICE, CONTAINER + "name", "queue-proxy", "spec.template.spec.containers[0].name"),
        (SERVICE, "spec>template>spec>volumes", [{"name": "v", "emptyDir": {}}], "spec.template.spec.volumes[0].name"),
        (SERVICE, "spec>traffic", [{"latestRevision": True, "percent": 50}], "spec.traffic"),
        (SERVICE, "metadata>name", "Web", "metadata.name"),
        (SERVICE, "metadata>name", "a.b", "metadata.name"),
        (SERVICE, "metadata>labels", {"a b": "c"}, "metadata.labels"),
        (SERVICE, "metadata>annotations", {"autoscaling.knative.dev/min-scale": "1"}, "metadata.annotations.autoscaling.knative.dev/min-scale"),
        (SERVICE, AUTOSCALING + "min-scale", "many", "spec.template.metadata.annotations.autoscaling.knative.dev/min-scale"),
        (SERVICE, AUTOSCALING + "minscale", "1", "spec.template.metadata.annotations.autoscaling.knative.dev/minscale"),
        (SERVICE, AUTOSCALING + "window", "soon", "spec.template.metadata.annotations.autoscaling.knative.dev/window"),
        (SERVICE, "spec>template>metadata>name", "other-1", "spec.template.metadata.name"),
        (BROKER, "spec>delivery>backoffDelay", "PT0.05S", "spec.delivery.backoffDelay"),
        (BROKER, "spec>delivery>backoffDelay", "1s", "spec.delivery.backoffDelay"),
        (BROKER, "spec>delivery>deadLetterSink", {}, "spec.delivery.deadLetterSink"),
        (BROKER, "metadata>annotations", {}, "metadata.annotations[eventing.knative.dev/broker.class]"),
        (TRIGGER, "spec>subscriber", {}, "spec.subscriber"),
        (TRIGGER, "spec>filter>attributes", {"Type": "x"}, "spec.filter.attributes"),
        (TRIGGER, "metadata>annotations", {"rabbitmq.eventing.knative.dev/parallelism": "0"},
         "metadata.annotations[rabbitmq.eventing.knative.dev/parallelism]"),
        (PING, "spec>schedule", "now and then", "spec.schedule"),
        *((PING, "spec>schedule", schedule, "spec.schedule") for schedule in ("@every 5s", "* * * * 7", "* * L * *", "0 0 * * 5#2")),
        (PING, "spec>timezone", "Mars/Olympus", "spec.timezone"),
        (PING, "spec", {"schedule": "* * * * *", "sink": {"uri": "http://a"}, "contentType": "application/json", "data": "[1]"}, "spec.data"),
        (JOB, "spec>template>spec>restartPolicy", "Always", "spec.template.spec.restartPolicy"),
        (JOB, "spec>backoffLimit", -1, "spec.backoffLimit"),
    ],
)  # fmt: skip
def test_invalid_values_are_refused_with_their_path(http: httpx.Client, namespace: str, text: str, at: str, value: object, field: str) -> None:
    object = changed(text, at, value)
    answer = http.post(path_of(object, namespace), json=object)
    assert (answer.status_code, answer.json()["reason"]) == (422, "Invalid")
    assert [cause["field"] for cause in answer.json()["details"]["causes"]] == [field]


@pytest.mark.parametrize(
    ("text", "at", "value"),
    [
        (BROKER, "spec>delivery>retry", 4),
        (TRIGGER, "spec>filter>attributes", {"type": "other"}),
        (TRIGGER, "spec>filter", None),
        (TRIGGER, "spec>broker", "other"),
        (BINDING, "spec>routingKey", "other"),
        (CONFIG, "spec>queueType", "classic"),
        (JOB, "spec>template>spec>containers>0>image", "y"),
    ],
)
def test_immutable_fields_do_not_change(http: httpx.Client, namespace: str, text: str, at: str, value: object) -> None:
    object = http.post(path_of(yaml.safe_load(text), namespace), json=yaml.safe_load(text)).json()
    path = f"{path_of(object, namespace)}/{object['metadata']['name']}"
    answer = http.put(path, json=changed(text, at, value))
    assert (answer.status_code, answer.json()["reason"]) == (422, "Invalid"), answer.text
    labelled = copy.deepcopy(object)
    labelled["metadata"]["labels"] = {"a": "b"}
    assert http.put(path, json=labelled).status_code == 200


def test_a_triggers_subscriber_may_change(http: httpx.Client, namespace: str) -> None:
    object = http.post(path_of(yaml.safe_load(TRIGGER), namespace), json=yaml.safe_load(TRIGGER)).json()
    object["spec"]["subscriber"]["ref"]["name"] = "other"
    assert http.put(f"{path_of(object, namespace)}/t", json=object).json()["metadata"]["generation"] == 2


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"", b"\xff\xfe", b'{"metadata": 3}', b'{"kind": "Secret"}', b'{"apiVersion": "v2"}'])
def test_an_unparsable_body_is_a_bad_request(http: httpx.Client, namespace: str, body: bytes) -> None:
    answer = http.post(f"/api/v1/namespaces/{namespace}/configmaps", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize("body", [b"", b"x", b"k8s\x00", b"k8s\x00\x0a\xff", b"k8s\x00\x0a\x03\x12\x01X", b"k8s\x00" + b"\xff" * 40])
def test_malformed_protobuf_is_refused(http: httpx.Client, namespace: str, body: bytes) -> None:
    answer = http.post(f"/api/v1/namespaces/{namespace}/configmaps", content=body, headers={"Content-Type": "application/vnd.kubernetes.protobuf"})
    assert (answer.status_code, answer.json()["reason"]) == (415, "UnsupportedMediaType")


def test_a_too_large_body_is_refused_unread(http: httpx.Client, namespace: str) -> None:
    answer = http.post(f"/api/v1/namespaces/{namespace}/configmaps", json={"metadata": {"name": "a"}, "data": {"k": "x" * (4 << 20)}})
    assert answer.status_code == 413
    endless = http.post(f"/api/v1/namespaces/{namespace}/configmaps", content=(b" " * 65536 for _ in range(64)))
    assert (endless.status_code, endless.json()["reason"]) == (413, "RequestEntityTooLarge")


def test_the_body_must_match_the_path(http: httpx.Client, namespace: str) -> None:
    other = {"metadata": {"name": "a", "namespace": "default"}}
    assert http.post(f"/api/v1/namespaces/{namespace}/configmaps", json=other).status_code == 400
    http.post(f"/api/v1/namespaces/{namespace}/configmaps", json={"metadata": {"name": "a"}})
    assert http.put(f"/api/v1/namespaces/{namespace}/configmaps/a", json={"metadata": {"name": "b"}}).status_code == 400


def test_quotas_are_enforced(core: client.CoreV1Api, custom: client.CustomObjectsApi, namespace: str) -> None:
    hard = {"count/services.serving.knative.dev": "1", "secrets": "2"}
    core.create_namespaced_resource_quota(namespace, {"metadata": {"name": "q"}, "spec": {"hard": hard}})
    place = ("serving.knative.dev", "v1", namespace, "services")
    custom.create_namespaced_custom_object(*place, service("one", namespace))
    with pytest.raises(ApiException) as error:
        custom.create_namespaced_custom_object(*place, service("two", namespace))
    count = "count/services.serving.knative.dev=1"
    assert error.value.status == 403 and f"exceeded quota: q, requested: {count}, used: {count}, limited: {count}" in error.value.body
    eventually(lambda: (core.read_namespaced_resource_quota("q", namespace).status.used or {}).get("count/services.serving.knative.dev") == "1")
    custom.delete_namespaced_custom_object(*place, "one")
    custom.create_namespaced_custom_object(*place, service("two", namespace))


def test_an_immutable_secret_cannot_change(core: client.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_secret(namespace, {"metadata": {"name": "s"}, "immutable": True, "stringData": {"a": "b"}})
    with pytest.raises(ApiException) as error:
        core.patch_namespaced_secret("s", namespace, {"stringData": {"a": "c"}})
    assert error.value.status == 422
