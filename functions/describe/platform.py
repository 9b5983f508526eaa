"""The Services that belong to no context, and what the deploy context may do in the cluster.

`edge.yaml`: the gateway (the only one with a door to the outside, always on) and the dead-letter router. Beside deploy's functions: their
account's permissions, and the source that reports changes of builds and applications into the Broker, under an account of its own that may
only look.

The account may create Namespaces and RoleBindings on the whole cluster because a namespace is made for every application, and read a Namespace by
its name to tell a missing one from one that is not bound. All else is in a second role, to which it binds itself in each application's namespace.
What it could still do elsewhere (bind itself in the platform's namespace) is denied by the admission policies beside the roles.
"""

from functions.describe.admission_policies import APPLICATION, application_policies
from functions.describe.grants import Grants
from functions.describe.services import NAMESPACE, Manifest, Workload, cluster_account, service

GATEWAY_PORT = "3000"
WATCHER = "capsule-deployments"
MANAGED = "capsule.dev/managed"
TENANT_ROLE = "deploy-tenant"
"""What deploy's account may do in a namespace of an application. Kubernetes authorizes requests about a Namespace in that namespace."""


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
    rbac = "rbac.authorization.k8s.io"
    return [
        *application_policies(account, TENANT_ROLE),
        _cluster_role(
            account,
            [
                _rule([""], ["namespaces"], ["get", "create"]),
                _rule([rbac], ["rolebindings"], ["create"]),
                {**_rule([rbac], ["clusterroles"], ["bind"]), "resourceNames": [TENANT_ROLE]},
            ],
        ),
        _cluster_role_binding(account, account),
        _cluster_role(
            TENANT_ROLE,
            [
                _rule([""], ["namespaces"], ["patch", "delete"]),
                _rule([""], ["pods"], ["list"]),
                _rule([""], ["resourcequotas"], ["create", "patch"]),
                _rule([""], ["secrets"], ["create", "patch", "deletecollection"]),
                _rule(["networking.k8s.io"], ["networkpolicies"], ["create", "patch"]),
                _rule(["batch"], ["jobs"], ["get", "create", "patch", "delete"]),
                _rule(["serving.knative.dev"], ["services"], ["get", "create", "patch", "delete"]),
                _rule(["serving.knative.dev"], ["revisions"], ["get"]),
            ],
        ),
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
    """Knative's controller asks a SubjectAccessReview of get, list and watch for each resource in each namespace that the selector finds. While one
    is refused the source is not ready (eventing, pkg/reconciler/apiserversource, runAccessCheck). A RoleBinding in each namespace would pass, but not
    between the making of a namespace and of its binding, nor in namespaces made before. So the account reads Jobs and Services everywhere."""
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
            "namespaceSelector": {"matchExpressions": [{"key": APPLICATION, "operator": "Exists"}]},
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
