"""Objects that a cluster admits and refuses: values of the sources of Knative Serving and Eventing. Features are off, as by default."""

from typing import Any

from tests.knative.api.test_validation import AUTOSCALING, BROKER, CONTAINER, PING, SERVICE, TRIGGER

POD = "spec>template>spec>"
TEMPLATE = "spec>template>metadata>annotations>"
ROUTE = """
apiVersion: serving.knative.dev/v1
kind: Route
metadata: {name: web}
spec: {traffic: [{configurationName: web, percent: 100}]}
"""
API_SERVER = """
apiVersion: sources.knative.dev/v1
kind: ApiServerSource
metadata: {name: a}
spec: {resources: [{apiVersion: apps/v1, kind: Deployment}], sink: {uri: http://a}}
"""


def container(**values: Any) -> list[dict[str, Any]]:
    return [{"image": "web", **values}]


def mounted(*volumes: dict[str, Any]) -> dict[str, Any]:
    mounts = [{"name": each["name"], "mountPath": f"/v{index}"} for index, each in enumerate(volumes)]
    return {"containers": container(volumeMounts=mounts), "volumes": list(volumes)}


SECRET = {"name": "a", "key": "b"}
GET_8080 = {"httpGet": {"path": "/", "port": 8080}}


ADMITTED: list[tuple[str, str, Any]] = [
    (SERVICE, AUTOSCALING + "minScale", "1"),
    (SERVICE, AUTOSCALING + "window", "1m30s"),
    (SERVICE, AUTOSCALING + "scale-to-zero-pod-retention-period", "0"),
    (SERVICE, AUTOSCALING + "scale-to-zero-pod-retention-period", "1500ms"),
    (SERVICE, AUTOSCALING + "target", "1e2"),
    (SERVICE, AUTOSCALING + "target-burst-capacity", "-1"),
    (SERVICE, AUTOSCALING + "activation-scale", "2"),
    (SERVICE, TEMPLATE + "serving.knative.dev/progress-deadline", "120s"),
    (SERVICE, TEMPLATE + "networking.knative.dev/ingress-class", "kourier"),
    (SERVICE, "metadata>annotations", {"serving.knative.dev/rollout-duration": "2m"}),
    (SERVICE, "spec>traffic", [{"latestRevision": False, "revisionName": "web-1", "percent": 100}]),
    (SERVICE, "spec>template>metadata>name", "web-1"),
    (SERVICE, POD + "containers", container(readinessProbe={})),
    (SERVICE, POD + "containers", container(readinessProbe={**GET_8080, "periodSeconds": 1, "failureThreshold": 3, "timeoutSeconds": 2})),
    (SERVICE, POD + "containers", container(ports=[{"name": "h2c", "containerPort": 81}], livenessProbe={"tcpSocket": {"port": "h2c"}})),
    (SERVICE, POD + "containers", container(image="registry.example.com:5000/a/b-c_d:v1.2@sha256:" + "a" * 64)),
    (SERVICE, POD + "containers", container(env=[{"name": "A", "valueFrom": {"secretKeyRef": SECRET}}])),
    (SERVICE, POD + "securityContext", {}),
    (SERVICE, CONTAINER + "securityContext", {"capabilities": {"drop": ["ALL"]}, "runAsUser": 2**31 - 1}),
    (SERVICE, "spec>template>spec", mounted({"name": "v", "emptyDir": {}}, {"name": "w", "projected": {"sources": [{"secret": {"name": "s"}}]}})),
    (TRIGGER, "spec>subscriber", {"uri": "https://a.example.com/x"}),
    (TRIGGER, "spec>subscriber", {"ref": {"apiVersion": "v1", "kind": "Service", "name": "s"}, "uri": "/path"}),
    (TRIGGER, "metadata>annotations", {"knative.dev/dependency": '{"kind": "PingSource", "name": "p", "apiVersion": "sources.knative.dev/v1"}'}),
    (PING, "spec>ceOverrides", {"extensions": {"a1B": "x"}}),
    (PING, "spec>data", "NaN"),
    (PING, "spec>timezone", "Local"),
    *((PING, "spec", {"schedule": "* * * * *", "sink": {"uri": "http://a"}, "contentType": "application/json", "data": data})
      for data in ("{}", "null", ' {"a": "\\ud800", "a": 10e3} ')),
    *((PING, "spec>schedule", schedule) for schedule in ("*-5 * * * *", "+5 0 * * *", ", * * * *", "00000000000 * * * *", "TZ= 0 0 1 1 *")),
    (ROUTE, "spec>traffic", [{"revisionName": "web-1", "percent": 100}]),
]  # fmt: skip
"""Manifest, path of a value in it (`changed`), the value."""

FEATURES = {POD + "securityContext": "kubernetes.podspec-securitycontext"}
"""Where a refused value needs a feature that an operator may have turned on, as docs/cluster.md does: path → key of config-features."""

IN_CONTAINER = "spec.template.spec.containers[0]."
IN_TEMPLATE = "spec.template.metadata.annotations."


REFUSED: list[tuple[str, str, Any, str]] = [
    *((text, "metadata>name", name, "metadata.name") for text in (SERVICE, TRIGGER) for name in ("web\n", "-web", "web-", "a" * 254)),
    (SERVICE, "metadata>labels", {"a": "b\n"}, "metadata.labels"),
    (SERVICE, "metadata>annotations", {"a\n": "b"}, "metadata.annotations"),
    *((SERVICE, f"{AUTOSCALING}{key}", value, f"{IN_TEMPLATE}autoscaling.knative.dev/{key}") for key, value in (
        ("minScale", "-1"), ("min-scale", "1.0"), ("min-scale", "1\n"), ("activation-scale", "1"), ("target", "0"), ("target", "0x1"),
        ("target-burst-capacity", "-0.5"), ("window", "5s"), ("window", "61m"), ("window", "6500ms"), ("window", ""), ("window", "60"),
        ("scale-down-delay", "1.5s"), ("scale-to-zero-pod-retention-period", "2h"), ("panic-threshold-percentage", "109"),
    )),
    (SERVICE, TEMPLATE + "networking.knative.dev/unknown", "x", f"{IN_TEMPLATE}networking.knative.dev/unknown"),
    *((SERVICE, TEMPLATE + "serving.knative.dev/progress-deadline", value, f"{IN_TEMPLATE}serving.knative.dev/progress-deadline")
      for value in ("soon", "1500ms", "-5s")),
    (SERVICE, "metadata>annotations", {"serving.knative.dev/rollout-duration": "10"},
     "metadata.annotations.serving.knative.dev/rollout-duration"),
    (SERVICE, "spec>template>metadata>name", "web-A", "spec.template.metadata.name"),
    (SERVICE, "spec>template>metadata>name", "web-" + "a" * 60, "spec.template.metadata.name"),
    (SERVICE, "spec>traffic", [{"latestRevision": False, "percent": 100}], "spec.traffic[0].latestRevision"),
    (SERVICE, "spec>traffic", [{"latestRevision": True, "revisionName": "web-1", "percent": 100}], "spec.traffic[0].latestRevision"),
    (SERVICE, "spec>traffic", [{"configurationName": "web", "percent": 100}], "spec.traffic[0].configurationName"),
    (SERVICE, "spec>traffic", [{"revisionName": "a b", "percent": 100}], "spec.traffic[0].revisionName"),
    (SERVICE, "spec>traffic", [{"percent": 100, "tag": "a" * 64}], "spec.traffic[0].tag"),
    (ROUTE, "spec>traffic", [], "spec.traffic"),
    (ROUTE, "spec>traffic", [{"percent": 100}], "spec.traffic[0]"),
    (ROUTE, "spec>traffic", [{"percent": 100, "revisionName": "web-1", "configurationName": "web"}], "spec.traffic[0]"),
    (SERVICE, CONTAINER + "image", "Not An Image", IN_CONTAINER + "image"),
    (SERVICE, CONTAINER + "image", "a:b:c", IN_CONTAINER + "image"),
    (SERVICE, CONTAINER + "image", "x", IN_CONTAINER + "image"),  # a repository's name has two characters or more
    (SERVICE, CONTAINER + "image", "Owner/image", IN_CONTAINER + "image"),
    (SERVICE, CONTAINER + "image", "image:" + "a" * 129, IN_CONTAINER + "image"),
    (SERVICE, CONTAINER + "livenessProbe", {}, IN_CONTAINER + "livenessProbe"),
    (SERVICE, CONTAINER + "readinessProbe", {**GET_8080, "exec": {"command": ["true"]}}, IN_CONTAINER + "readinessProbe"),
    (SERVICE, CONTAINER + "readinessProbe", {**GET_8080, "failureThreshold": 3}, IN_CONTAINER + "readinessProbe.failureThreshold"),
    (SERVICE, CONTAINER + "readinessProbe", {"timeoutSeconds": 3}, IN_CONTAINER + "readinessProbe.timeoutSeconds"),
    (SERVICE, CONTAINER + "startupProbe", {"httpGet": {"port": "web"}}, IN_CONTAINER + "startupProbe.httpGet.port"),
    (SERVICE, CONTAINER + "env", [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
     IN_CONTAINER + "env[0].valueFrom.fieldRef"),
    (SERVICE, CONTAINER + "envFrom", [{}], IN_CONTAINER + "envFrom[0]"),
    (SERVICE, CONTAINER + "envFrom", [{"secretRef": {"name": "a"}, "configMapRef": {"name": "b"}}], IN_CONTAINER + "envFrom[0]"),
    (SERVICE, CONTAINER + "securityContext", {"runAsUser": 2**31}, IN_CONTAINER + "securityContext.runAsUser"),
    (SERVICE, CONTAINER + "securityContext", {"capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]}},
     IN_CONTAINER + "securityContext.capabilities.add"),
    (SERVICE, POD + "securityContext", {"fsGroup": 1}, "spec.template.spec.securityContext.fsGroup"),
    (SERVICE, POD + "serviceAccountName", "Some One", "spec.template.spec.serviceAccountName"),
    (SERVICE, "spec>template>spec", mounted({"name": "v"}), "spec.template.spec.volumes[0]"),
    (SERVICE, "spec>template>spec", mounted({"name": "v", "emptyDir": {}, "secret": {"secretName": "s"}}), "spec.template.spec.volumes[0]"),
    (SERVICE, "spec>template>spec", mounted({"name": "V.1", "emptyDir": {}}), "spec.template.spec.volumes[0].name"),
    (SERVICE, "spec>template>spec", mounted({"name": "v", "emptyDir": {"sizeLimit": "-1"}}), "spec.template.spec.volumes[0].emptyDir.sizeLimit"),
    (SERVICE, "spec>template>spec", mounted({"name": "v", "projected": {"sources": [{}]}}), "spec.template.spec.volumes[0].projected.sources[0]"),
    (TRIGGER, "spec>subscriber", {"uri": "/relative"}, "spec.subscriber.uri"),
    (TRIGGER, "spec>subscriber", {"uri": "http:///path"}, "spec.subscriber.uri"),
    (TRIGGER, "spec>subscriber", {"uri": "http://[::1"}, "spec.subscriber.uri"),
    (TRIGGER, "spec>subscriber", {"ref": {"kind": "Service", "name": "s"}}, "spec.subscriber.ref.apiVersion"),
    (TRIGGER, "spec>subscriber", {"ref": {"apiVersion": "v1", "kind": "Service", "name": "s"}, "uri": "http://a"}, "spec.subscriber"),
    (TRIGGER, "spec>filter>attributes", {"1a": "x"}, "spec.filter.attributes"),
    (TRIGGER, "metadata>annotations", {"knative.dev/dependency": "[]"}, "metadata.annotations[knative.dev/dependency]"),
    (TRIGGER, "metadata>annotations", {"knative.dev/dependency": '{"kind": "A", "name": "b"}'},
     "metadata.annotations[knative.dev/dependency].apiVersion"),
    (TRIGGER, "metadata>annotations", {"eventing.knative.dev/injection": "enabled"}, "metadata.annotations[eventing.knative.dev/injection]"),
    (BROKER, "spec>delivery>deadLetterSink", {"uri": "sink"}, "spec.delivery.deadLetterSink.uri"),
    (PING, "spec>ceOverrides", {"extensions": {"a-b": "x"}}, "spec.ceOverrides.extensions"),
    (PING, "spec>dataBase64", "a", "spec.dataBase64"),
    (PING, "spec", {"schedule": "* * * * *", "sink": {"uri": "http://a"}, "contentType": "application/json", "dataBase64": "WzFd"},
     "spec.dataBase64"),
    *((PING, "spec", {"schedule": "* * * * *", "sink": {"uri": "http://a"}, "contentType": "application/json", "data": data}, "spec.data")
      for data in ("[1]", "1", '{"a": NaN}', '{"a": 1e400}', "{'a': 1}", "{}{}", "[" * 20000)),
    *((PING, "spec>schedule", schedule, "spec.schedule")
      for schedule in ("5-1 * * * *", "-5 * * * *", "1-2-3 * * * *", "*/0 * * * *", "1_0 * * * *")),
    (API_SERVER, "spec>resources", [{"apiVersion": "a/b/c", "kind": "A"}], "spec.resources[0].apiVersion"),
    (API_SERVER, "spec>resources", [{"apiVersion": "v1", "kind": " "}], "spec.resources[0].kind"),
]  # fmt: skip
"""Also the field that is at fault here; a cluster may name it otherwise."""
