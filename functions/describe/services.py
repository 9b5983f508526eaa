"""The Knative Service that runs one function, or several of one context.

One image runs every function; `CAPSULE_FUNCTION` picks. What may be left out is left out: no `periodSeconds` on the probe (then it is tried
every 50 ms while starting), no `delivery` on Triggers (it would replace the Broker's and lose dead letters), no autoscaling target (Knative's 70 %
of containerConcurrency is right).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from functions.describe.grants import Grants

Manifest = dict[str, Any]

NAMESPACE = "capsule"
BROKER = "capsule"
IMAGE = "capsule.local/capsule:dev"

SECURITY: Manifest = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
RESOURCES: Manifest = {"requests": {"cpu": "25m", "memory": "96Mi"}, "limits": {"memory": "256Mi"}}


READING = ("query", "group")
"""Kinds of workloads that get the address of the role that can only read, where the operator has made one."""


@dataclass(frozen=True)
class Workload:
    """What differs from one Service to the next."""

    name: str
    functions: Sequence[str]
    component: str  # the context, or edge, or runtime
    kind: str
    min_scale: int
    max_scale: int
    concurrency: int
    database: str | None = None
    grants: Grants = field(default_factory=Grants)
    seals: bool = False
    collected: bool = False
    public: bool = False
    probe: str = "/healthz"
    annotations: Mapping[str, str] = field(default_factory=dict)  # of its pods
    labels: Mapping[str, str] = field(default_factory=dict)  # of the Service itself


def service(workload: Workload) -> Manifest:
    labels: dict[str, str] = {
        "app.kubernetes.io/name": workload.name,
        "app.kubernetes.io/part-of": "capsule",
        "app.kubernetes.io/component": workload.component,
    }
    own = dict(workload.labels)
    if not workload.public:
        own["networking.knative.dev/visibility"] = "cluster-local"
    template_labels = {**labels, "capsule.dev/kind": workload.kind, "capsule.dev/collect": str(workload.collected).lower()}
    annotations = {
        "autoscaling.knative.dev/min-scale": str(workload.min_scale),
        "autoscaling.knative.dev/max-scale": str(workload.max_scale),
        "autoscaling.knative.dev/target-burst-capacity": "0",
        **workload.annotations,
    }
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": workload.name, "namespace": NAMESPACE, "labels": {**labels, **own}},
        "spec": {"template": {"metadata": {"labels": template_labels, "annotations": annotations}, "spec": _pod(workload)}},
    }


def _pod(workload: Workload) -> Manifest:
    mounts = _mounts(workload)
    container: Manifest = {
        "name": "function",
        "image": IMAGE,
        "ports": [{"containerPort": 8080}],
        "env": _environment(workload),
        "envFrom": [
            {"configMapRef": {"name": "capsule-settings", "optional": True}},
            {"secretRef": {"name": f"{workload.component}-settings", "optional": True}},
        ],
        "readinessProbe": {"httpGet": {"path": workload.probe}},
        "resources": RESOURCES,
        "securityContext": SECURITY,
    }
    pod: Manifest = {
        "containerConcurrency": workload.concurrency,
        "timeoutSeconds": 60,
        "enableServiceLinks": False,
        **({} if workload.grants.cluster else {"automountServiceAccountToken": False}),  # Knative refuses a true one
        "containers": [container],
    }
    if workload.grants.cluster:
        pod["serviceAccountName"] = cluster_account(workload.component)
    if mounts:
        container["volumeMounts"] = [{"name": name, "mountPath": f"/etc/capsule/{name}", "readOnly": True} for name in mounts]
        pod["volumes"] = [{"name": name, **source} for name, source in mounts.items()]
    return pod


def cluster_account(context: str) -> str:
    """The service account of those functions of a context that talk to the cluster."""
    return f"{context}-cluster"


def amqp_secret(user: str) -> str:
    """The Secret with the RabbitMQ user of a context, the gateway, the dead-letter router or the topology Job."""
    return f"{user}-amqp"


def _environment(workload: Workload) -> list[Manifest]:
    environment: list[Manifest] = [
        {"name": "CAPSULE_FUNCTION", "value": ",".join(workload.functions)},
        _from_secret("CAPSULE_AMQP_URL", amqp_secret(workload.component)),
    ]
    if workload.database:
        environment.append(_from_secret(f"CAPSULE_{workload.database.upper()}_DATABASE_URL", f"{workload.database}-database"))
    if workload.database and workload.kind in READING:
        reader: Manifest = {"secretKeyRef": {"name": f"{workload.database}-database", "key": "reader", "optional": True}}
        environment.append({"name": f"CAPSULE_{workload.database.upper()}_READER_URL", "valueFrom": reader})
    return environment


def _from_secret(variable: str, secret: str) -> Manifest:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": "url"}}}


def _mounts(workload: Workload) -> Mapping[str, Manifest]:
    mounts: dict[str, Manifest] = {}
    if workload.grants.verifies_tokens:
        mounts["jwks"] = {"configMap": {"name": "capsule-jwks"}}
    if workload.seals or workload.grants.seals:
        mounts["sealing-public"] = {"configMap": {"name": "capsule-sealing"}}
    if workload.grants.opens_secrets:
        mounts["sealing"] = {"secret": {"secretName": f"{workload.component}-sealing"}}
    if workload.grants.signs_tokens:
        mounts["signing"] = {"secret": {"secretName": "auth-signing"}}
    if workload.grants.builds:
        mounts["build"] = {"configMap": {"name": "capsule-build"}}
    return mounts
