"""Generate the Knative Service of one function, or of several functions of one context.

One image runs every function; `CAPSULE_FUNCTION` selects. Three settings are left out on purpose: `periodSeconds` of the
probe (without it Knative probes every 50 ms during start-up), `delivery` of Triggers (it would replace the Broker's and
lose dead letters), and the autoscaling target (Knative's default is 70 % of containerConcurrency).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from functions.billing.adapters.variables import STRIPE_WEBHOOK_SECRET
from functions.deploy.adapters.domain_variables import HOOK_FILE
from functions.deploy.adapters.shared_variables import HEALTH_CHECK_KEY
from functions.deploy.adapters.variables import REGISTRY_FILE, SERVICES_KEY, SERVICES_POSTGRES_URL, SERVICES_REDIS_URL
from functions.deploy.domain.registry_access import CONFIG as REGISTRY_CONFIG
from functions.deploy.domain.registry_access import SECRET as REGISTRY_SECRET
from functions.describe.grants import Grants
from functions.runtime.config import variables
from functions.wire.backups.variables import BACKUP_KEY, BACKUP_STORE

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
"""docs/sizing.md has what they add up to. No limit of CPU: it would slow down a cold start, which is one second of imports."""
GATEWAY_RESOURCES: Manifest = {"requests": {"cpu": "50m", "memory": "192Mi"}, "limits": {"memory": "512Mi"}}
"""It serves everybody, and its working set was 177 MiB on a cluster."""


READING = ("query", "group")
"""Kinds of workloads that get the URLs of the read-only database role and of replicas, if the operator has configured them."""
MIN_SCALE, INITIAL_SCALE = "autoscaling.knative.dev/min-scale", "autoscaling.knative.dev/initial-scale"
"""Annotation of what may be at zero. "0": a new revision is ready without a pod, so that a roll-out does not start hundreds of Services at once, and
a Secret that is not there yet fails no revision: the first pod waits for it. A cluster must allow it (config-autoscaler: allow-zero-initial-scale).
"1", of the few Services of grouped functions: a new revision gets messages when its first pod is ready, so nobody waits for a cold start during a
roll-out, and an image that cannot start never serves."""
SUMMARY = "capsule.dev/summary"
"""Annotation of a Service: what it does, in one line. `kubectl get ksvc -o yaml` shows it."""
LONG_TIMEOUT_SECONDS = 600
"""Of functions that copy whole databases or wait for DNS servers: Knative's largest without a change of config-defaults
(max-revision-timeout-seconds)."""
KIND = "capsule.dev/kind"
"""Label of the pods of every Service."""
REACHES_DATABASE, REACHES_CLUSTER, REACHES_OUTSIDE = "capsule.dev/reaches-database", "capsule.dev/reaches-cluster", "capsule.dev/reaches-outside"
"""Labels of pods: the context of their database, the cluster's API, anything else by the network (mail, Stripe, webhooks …)."""
MAX_NAME_LENGTH = 49
"""Of Services, so that a revision's name (`<service>-00001`) fits into 63 characters with room for tags."""


@dataclass(frozen=True)
class Workload:
    """The values in which Services differ.

    `component`: the context, `edge` or `runtime`. `summary`: one line. `annotations`: of the pods. `labels`: of the Service.
    """

    name: str
    functions: Sequence[str]
    component: str
    summary: str
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
    timeout_seconds: int = 60
    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.name) > MAX_NAME_LENGTH:
            raise ValueError(
                f'The name of the Service "{self.name}" has {len(self.name)} characters. Rename the function: {MAX_NAME_LENGTH} at most.'
            )


def service(workload: Workload) -> Manifest:
    labels: dict[str, str] = {
        "app.kubernetes.io/name": workload.name,
        "app.kubernetes.io/part-of": "capsule",
        "app.kubernetes.io/component": workload.component,
    }
    service_labels = dict(workload.labels)
    if not workload.public:
        service_labels["networking.knative.dev/visibility"] = "cluster-local"
    template_labels = {**labels, KIND: workload.kind, "capsule.dev/collect": str(workload.collected).lower(), **_reaches(workload)}
    annotations = {
        **({} if workload.min_scale else {INITIAL_SCALE: "1" if workload.kind == "group" else "0"}),
        MIN_SCALE: str(workload.min_scale),
        "autoscaling.knative.dev/max-scale": str(workload.max_scale),
        "autoscaling.knative.dev/target-burst-capacity": "0",
        **workload.annotations,
    }
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {
            "name": workload.name,
            "namespace": NAMESPACE,
            "labels": {**labels, **service_labels},
            "annotations": {SUMMARY: workload.summary},
        },
        "spec": {"template": {"metadata": {"labels": template_labels, "annotations": annotations}, "spec": _pod(workload)}},
    }


def _pod(workload: Workload) -> Manifest:
    mounts, account = _mounts(workload), _account(workload)
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
        "resources": GATEWAY_RESOURCES if workload.kind == "gateway" else RESOURCES,
        "securityContext": SECURITY,
    }
    pod: Manifest = {
        "containerConcurrency": workload.concurrency,
        "timeoutSeconds": LONG_TIMEOUT_SECONDS if workload.grants.takes_long else workload.timeout_seconds,
        "enableServiceLinks": False,
        **({} if account else {"automountServiceAccountToken": False}),  # Knative rejects `true`
        "containers": [container],
    }
    if account:
        pod["serviceAccountName"] = account
    if mounts:
        container["volumeMounts"] = [{"name": name, "mountPath": f"/etc/capsule/{name}", "readOnly": True} for name in mounts]
        pod["volumes"] = [{"name": name, **source} for name, source in mounts.items()]
    return pod


def _reaches(workload: Workload) -> dict[str, str]:
    """Return the labels by which network policies know what the pods may reach (`functions.describe.networks`)."""
    return {
        **({REACHES_DATABASE: workload.database} if workload.database else {}),
        **({REACHES_CLUSTER: "true"} if _account(workload) else {}),
        **({REACHES_OUTSIDE: "true"} if workload.grants.reaches_outside else {}),
    }


def _account(workload: Workload) -> str | None:
    """Return the service account of a Service; none for those that do not use the cluster's API."""
    if workload.grants.cluster:
        return cluster_account(workload.component)
    return listing_account(workload.component) if workload.grants.lists_functions else None


def cluster_account(context: str) -> str:
    """Return the service account of the functions of a context that deploy or attach."""
    return f"{context}-cluster"


def listing_account(context: str) -> str:
    """Return the service account of the functions of a context that list where the platform's functions run."""
    return f"{context}-functions"


def amqp_secret(user: str) -> str:
    """Return the Secret of a RabbitMQ user."""
    return f"{user}-amqp"


def _environment(workload: Workload) -> list[Manifest]:
    return [{"name": variables.FUNCTION.name, "value": ",".join(workload.functions)}]


def credential_sources(component: str) -> Mapping[str, tuple[str, str]]:
    """Return variable → Secret and its key, of all that functions of a context may get as files."""
    grants = Grants(verifies_webhooks=True, checks_applications=True, provisions_services=True, stores_backups=True)
    every = Workload("any", (), component, "", "query", 0, 1, 1, database=component, grants=grants)
    secrets = [each["secret"] for each in _credentials(every)["projected"]["sources"]]
    return {item["path"]: (secret["name"], item["key"]) for secret in secrets for item in secret["items"]}


def _credentials(workload: Workload) -> Manifest:
    """Return the volume of what rotates while processes run: a variable keeps its value until the process ends, a file follows its Secret."""
    sources = [_source(amqp_secret(workload.component), {"url": variables.AMQP_URL.name})]
    if workload.database:
        database, reader = variables.DATABASE_URL.of(workload.database).name, variables.READER_URL.of(workload.database).name
        sources.append(_source(f"{workload.database}-database", {"url": database}))
        if workload.kind in READING:
            keys = {"reader": reader, "replica": variables.REPLICA_URL.of(workload.database).name}
            sources += [_source(f"{workload.database}-database", {key: name}, optional=True) for key, name in keys.items()]  # each key may be missing
    for is_granted, setting in ((workload.grants.verifies_webhooks, STRIPE_WEBHOOK_SECRET), (workload.grants.checks_applications, HEALTH_CHECK_KEY)):
        if is_granted:
            sources.append(_source(f"{workload.component}-settings", {setting.name: setting.name}, optional=True))
    if workload.grants.answers_dns_challenges:
        sources.append(_source("deploy-dns-hook", {"hook": HOOK_FILE}, optional=True))
    if workload.grants.provisions_services:
        keys = {"key": SERVICES_KEY.name, "postgres": SERVICES_POSTGRES_URL.name, "redis": SERVICES_REDIS_URL.name}
        sources += [_source("deploy-services", {key: name}, optional=True) for key, name in keys.items()]  # each key may be missing
    if workload.grants.stores_backups:
        sources.append(_source("deploy-backups", {"store": BACKUP_STORE.name}, optional=True))
        sources.append(_source("deploy-backups", {"key": BACKUP_KEY.name}, optional=True))
    return {"projected": {"sources": sources}}


def _source(secret: str, items: Mapping[str, str], *, optional: bool = False) -> Manifest:
    """`items`: file by key. `optional`: Kubernetes accepts that the Secret or a key of it is missing."""
    paths = [{"key": key, "path": path} for key, path in items.items()]
    return {"secret": {"name": secret, "items": paths, **({"optional": True} if optional else {})}}


def _mounts(workload: Workload) -> Mapping[str, Manifest]:
    mounts: dict[str, Manifest] = {"credentials": _credentials(workload)}
    if workload.grants.verifies_tokens:
        mounts["jwks"] = {"configMap": {"name": "capsule-jwks"}}
    if workload.seals or workload.grants.seals:
        mounts["sealing-public"] = {"configMap": {"name": "capsule-sealing"}}
    if workload.grants.opens_secrets:
        mounts["sealing"] = {"secret": {"secretName": f"{workload.component}-sealing"}}
    if workload.grants.signs_tokens:
        mounts["signing"] = {"secret": {"secretName": "auth-signing"}}
    if workload.grants.builds:
        login = _source(REGISTRY_SECRET, {REGISTRY_CONFIG: REGISTRY_FILE}, optional=True)
        mounts["build"] = {"projected": {"sources": [{"configMap": {"name": "capsule-build"}}, login]}}
    return mounts
