"""The Services that belong to no context, and what the deploy context may do in the cluster.

`edge.yaml`: the gateway (the only one with a door to the outside, always on) and the dead-letter router. Beside deploy's functions: their
account's permissions, and the source that reports changes of builds and applications into the Broker, under an account of its own that may
only look.

Permissions are granted on the whole cluster because a namespace is made for every application. They are what the adapter calls and no more; Secrets
are not among them: a second role has those, and the account binds itself to it in each application's namespace, so that nobody who gets hold of
it reads one of the platform's with it.
"""

from functions.describe.grants import Grants
from functions.describe.services import NAMESPACE, Manifest, Workload, cluster_account, service

GATEWAY_PORT = "3000"
WATCHER = "capsule-deployments"
MANAGED = "capsule.dev/managed"
TENANT_ROLE = "deploy-tenant"
"""What deploy's account may do in the namespaces of applications alone."""


def edge_manifests() -> list[Manifest]:
    gateway = Workload(
        name="edge-gateway",
        functions=["edge.gateway"],
        component="edge",
        kind="gateway",
        min_scale=1,
        max_scale=10,
        concurrency=0,  # it caps itself, and answers 503 with Retry-After beyond
        grants=Grants(verifies_tokens=True),
        seals=True,
        public=True,
        collected=True,
        probe="/readyz",
        annotations={"local.capsule.dev/host-port": GATEWAY_PORT},
    )
    dead_letters = Workload(
        name="dead-letters",
        functions=["runtime.dead_letters"],
        component="runtime",
        kind="dead-letters",
        min_scale=0,
        max_scale=2,
        concurrency=20,
    )
    return [service(gateway), service(dead_letters)]


def cluster_manifests(context: str) -> list[Manifest]:
    """What the context that talks to the cluster has beside its functions."""
    account = cluster_account(context)
    return [
        _cluster_role(
            account,
            [
                _rule([""], ["namespaces"], ["get", "create", "patch", "delete"]),
                _rule([""], ["pods"], ["get", "list"]),
                _rule([""], ["resourcequotas"], ["create", "patch"]),
                _rule(["networking.k8s.io"], ["networkpolicies"], ["create", "patch"]),
                _rule(["rbac.authorization.k8s.io"], ["rolebindings"], ["create", "patch"]),
                {**_rule(["rbac.authorization.k8s.io"], ["clusterroles"], ["bind"]), "resourceNames": [TENANT_ROLE]},
                _rule(["batch"], ["jobs"], ["get", "create", "patch", "delete"]),
                _rule(["serving.knative.dev"], ["services"], ["get", "create", "patch", "update", "delete"]),
                _rule(["serving.knative.dev"], ["revisions"], ["get", "list"]),
            ],
        ),
        _cluster_role_binding(account, account),
        _cluster_role(TENANT_ROLE, [_rule([""], ["secrets"], ["create", "patch", "deletecollection"])]),
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": WATCHER, "namespace": NAMESPACE}},
        _cluster_role(
            WATCHER,
            [
                _rule(["batch"], ["jobs"], ["get", "list", "watch"]),
                _rule(["serving.knative.dev"], ["services"], ["get", "list", "watch"]),
            ],
        ),
        _cluster_role_binding(WATCHER, WATCHER),
        _deployments_source(),
    ]


def _deployments_source() -> Manifest:
    selected = {"matchLabels": {MANAGED: "true"}}
    return {
        "apiVersion": "sources.knative.dev/v1",
        "kind": "ApiServerSource",
        "metadata": {"name": WATCHER, "namespace": NAMESPACE},
        "spec": {
            "mode": "Reference",
            "serviceAccountName": WATCHER,
            "resources": [
                {"apiVersion": "batch/v1", "kind": "Job", "selector": selected},
                {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "selector": selected},
            ],
            "namespaceSelector": {"matchExpressions": [{"key": "capsule.dev/application", "operator": "Exists"}]},
            "sink": {"ref": {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "name": "capsule", "namespace": NAMESPACE}},
        },
    }


def _rule(groups: list[str], resources: list[str], verbs: list[str]) -> Manifest:
    return {"apiGroups": groups, "resources": resources, "verbs": verbs}


def _cluster_role(name: str, rules: list[Manifest]) -> Manifest:
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}


def _cluster_role_binding(role: str, account: str) -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": role},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}],
    }
