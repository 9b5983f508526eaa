"""A small installation: what an overlay has, a few objects of each kind that matters."""

import json
from typing import Any

from kubernetes.dynamic.exceptions import ApiException

from knative.cluster.overlay import Overlay

Object = dict[str, Any]
IMAGE = "capsule.local/capsule:dev"
SAMPLE = ["python", "-m", "tests.knative.serving.sample"]


def metadata(name: str, namespace: str | None = "capsule", **annotations: str) -> Object:
    found: Object = {"name": name, "labels": {"app.kubernetes.io/part-of": "capsule"}, "annotations": annotations}
    return found | ({"namespace": namespace} if namespace else {})


def namespace() -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata("capsule", None)}


def settings(**values: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("capsule-settings"), "data": values}


def service(name: str = "edge-gateway", image: str = IMAGE, min_scale: int = 0, **container: Any) -> Object:
    annotations = {"autoscaling.knative.dev/min-scale": str(min_scale)}
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": metadata(name),
        "spec": {
            "template": {
                "metadata": {"annotations": annotations},
                "spec": {"containers": [{"image": image, "command": SAMPLE, **container}]},
            }
        },
    }


def job(name: str = "auth-migration", script: str = "pass", image: str = IMAGE, **container: Any) -> Object:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(name),
        "spec": {
            "backoffLimit": 0,
            "template": {
                "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image, "command": ["python", "-c", script], **container}]}
            },
        },
    }


def broker_config(namespace: str = "rabbitmq", name: str = "rabbitmq") -> Object:
    return {
        "apiVersion": "eventing.knative.dev/v1alpha1",
        "kind": "RabbitmqBrokerConfig",
        "metadata": metadata("capsule"),
        "spec": {"rabbitmqClusterReference": {"name": name, "namespace": namespace}, "queueType": "quorum", "vhost": "/"},
    }


def trigger(name: str = "auth-register") -> Object:
    annotations = {"rabbitmq.eventing.knative.dev/cpu-request": "10m", "rabbitmq.eventing.knative.dev/memory-request": "64Mi"}
    return {
        "apiVersion": "eventing.knative.dev/v1",
        "kind": "Trigger",
        "metadata": metadata(name, **annotations),
        "spec": {"broker": "capsule", "subscriber": {"ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": name}}},
    }


def overlay(*objects: Object, tls: bool = False) -> Overlay:
    values = {"CAPSULE_PUBLIC_URL": "https://capsule.test", **({"CAPSULE_REQUIRE_TLS": "on"} if tls else {})}
    return Overlay("small", (namespace(), settings(**values), broker_config(), *objects))


def refusal(status: int, message: str) -> ApiException:
    """What the API answers to a request that it does not carry out."""
    error = ApiException(status=status, reason="refused")
    error.body = json.dumps({"message": message})
    return error


STARTING = (
    'Internal error occurred: failed calling webhook "defaulting": failed to call webhook: Post "https://w.ns.svc:443": connect: connection refused'
)
