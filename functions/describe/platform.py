"""Generate the Services that belong to no context, and the permissions of the deploy context in the cluster.

`edge.yaml` has the gateway (always on), the dashboard and the Service of terminals, which are public, and the dead-letter router.
`deploy.yaml` has, beside the functions, the permissions of their account, and the source that reports changes of builds and
applications to the Broker with a read-only account of its own.

The account creates a namespace for every application, so it may create Namespaces and RoleBindings in the whole cluster.
It may also read a Namespace by name, to tell a missing one from one without a RoleBinding. All other permissions are in
roles without a binding (`TENANT_ROLES`): it binds them in each application's namespace, each to one account. Admission
policies deny what the roles would still allow elsewhere (to bind itself in the platform's namespace).
"""

import json

from functions.describe.admission_policies import CLAIMS_GROUP, application_policies
from functions.describe.grants import Grants
from functions.describe.services import NAMESPACE, Manifest, Workload, cluster_account, listing_account, service
from functions.edge.dashboard.pages import PAGES
from functions.runtime.config.registry import find

GATEWAY_PORT, TERMINAL_PORT = "3000", "7082"
WATCHER = "capsule-deployments"
"""Account and ClusterRole of the source that reports changed Jobs, Services and autoscaled Deployments of applications."""
AUTOSCALED, MANAGED, WATCHED = "capsule.dev/autoscaled", "capsule.dev/managed", "capsule.dev/watched"
"""Labels of Deployments that autoscalers scale, of what Capsule applies, and of the namespaces in which the account of the source is bound."""
ATTACH_ROLE = "edge-attach"
"""The role by which `edge.terminal` attaches to pods in the namespace of an application."""
WAKES = "local.capsule.dev/wakes"
"""Annotation: path → the Services that a visit of it calls. One machine starts them together with a dashboard that is at zero."""
RBAC = "rbac.authorization.k8s.io"
FUNCTIONS_ROLE = "deploy-functions"
"""The role by which the account of the same name lists where the platform's functions run."""
TENANT_ROLE = "deploy-tenant"
"""The role in the namespace of an application. Kubernetes authorizes requests about a Namespace in that namespace."""
SERVICE_ROLE = "deploy-data-service"
"""The role in the namespace of a data service with a server of its own."""
TENANT_ROLES = {
    TENANT_ROLE: cluster_account("deploy"),
    SERVICE_ROLE: cluster_account("deploy"),
    ATTACH_ROLE: cluster_account("edge"),
    WATCHER: WATCHER,
}
"""The roles that deploy binds in the namespaces of applications and data services, and the account to which it binds each."""


def edge_manifests() -> list[Manifest]:
    gateway = Workload(
        name="edge-gateway",
        functions=["edge.gateway"],
        component="edge",
        summary="Serve the HTTP API.",
        kind="gateway",
        min_scale=1,
        max_scale=10,
        concurrency=0,  # the gateway limits itself, with 503 and Retry-After
        grants=Grants(verifies_tokens=True, reaches_outside=True),  # Redis
        seals=True,
        public=True,
        collected=True,
        probe="/readyz",
        annotations={"local.capsule.dev/host-port": GATEWAY_PORT},
    )
    dashboard = Workload(
        name="dashboard",
        functions=["edge.dashboard"],
        component="edge",
        summary="Serve the dashboard: pages for everything that the API does.",
        kind="dashboard",
        min_scale=0,
        max_scale=5,
        concurrency=0,  # a page that follows a log keeps its request open
        grants=Grants(verifies_tokens=True, reaches_outside=True),  # Redis
        seals=True,
        public=True,
        collected=True,
        probe="/readyz",
        annotations={WAKES: json.dumps({page.path: [find(name).resource_name for name in page.calls] for page in PAGES if page.calls})},
    )
    dead_letters = Workload(
        name="dead-letters",
        functions=["runtime.dead_letters"],
        component="runtime",
        summary="Return undelivered messages to their functions.",
        kind="dead-letters",
        min_scale=0,
        max_scale=2,
        concurrency=20,
    )
    terminals = Workload(
        name="edge-terminal",
        functions=["edge.terminal"],
        component="edge",
        summary="Attach clients to one-off commands, and connect them to data services, over WebSockets.",
        kind="terminal",
        min_scale=0,
        max_scale=5,
        concurrency=0,  # it limits itself: connections of an account, and in all
        grants=Grants(cluster=True, reaches_outside=True),  # servers of data services
        public=True,
        collected=True,
        probe="/readyz",
        timeout_seconds=600,
        annotations={"local.capsule.dev/host-port": TERMINAL_PORT},
    )
    return [service(gateway), service(dashboard), service(terminals), service(dead_letters), *_terminal_permissions()]


def _terminal_permissions() -> list[Manifest]:
    """Return the account of `edge.terminal` and a role without a binding: deploy binds it in the namespaces of applications.

    Opening a WebSocket is `get`, and `create` from Kubernetes 1.35 on.
    """
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": cluster_account("edge"), "namespace": NAMESPACE}},
        _cluster_role(ATTACH_ROLE, [_rule([""], ["pods/attach"], ["get", "create"])]),
    ]


def cluster_manifests(context: str) -> list[Manifest]:
    """Return the permissions, policies and source of the context that uses the cluster's API."""
    account = cluster_account(context)
    return [
        *application_policies(account, TENANT_ROLES),
        _cluster_role(
            account,
            [
                _rule([""], ["namespaces"], ["get", "create"]),
                _rule([RBAC], ["rolebindings"], ["create"]),
                _rule([CLAIMS_GROUP], ["clusterdomainclaims"], ["get", "create", "patch", "delete"]),
                {**_rule([RBAC], ["clusterroles"], ["bind"]), "resourceNames": [*TENANT_ROLES]},
            ],
        ),
        _cluster_role_binding(account, account),
        *_listing_permissions(listing_account(context)),
        _cluster_role(
            TENANT_ROLE,
            [
                _rule([""], ["namespaces"], ["patch", "delete"]),
                _rule([""], ["pods"], ["list"]),
                _rule([""], ["resourcequotas", "serviceaccounts"], ["create", "patch"]),
                _rule([""], ["secrets"], ["create", "patch", "deletecollection"]),
                _rule([""], ["persistentvolumeclaims"], ["get", "list", "create", "patch", "delete"]),
                _rule(["snapshot.storage.k8s.io"], ["volumesnapshots"], ["get", "create", "patch", "delete"]),
                _rule(["networking.k8s.io"], ["networkpolicies"], ["create", "patch"]),
                _rule(["batch"], ["jobs"], ["get", "create", "patch", "delete"]),
                _rule(["batch"], ["cronjobs"], ["list", "create", "patch", "delete"]),
                _rule(["apps"], ["deployments"], ["list", "create", "patch", "delete"]),
                _rule(["autoscaling"], ["horizontalpodautoscalers"], ["list", "create", "patch", "delete"]),
                _rule(["keda.sh"], ["scaledobjects", "triggerauthentications"], ["list", "create", "patch", "delete"]),
                _rule(["serving.knative.dev"], ["services"], ["get", "create", "patch", "delete"]),
                _rule(["serving.knative.dev"], ["revisions"], ["get"]),
                _rule(["serving.knative.dev"], ["domainmappings"], ["create", "patch", "delete"]),
                _rule(["cert-manager.io"], ["certificates"], ["get", "create", "patch", "delete"]),
            ],
        ),
        _cluster_role(
            SERVICE_ROLE,
            [
                _rule([""], ["namespaces"], ["patch", "delete"]),
                _rule([""], ["pods"], ["list"]),
                _rule([""], ["pods/log"], ["get"]),
                _rule([""], ["configmaps", "resourcequotas", "secrets", "services"], ["create", "patch"]),
                _rule(["apps"], ["statefulsets"], ["get", "create", "patch"]),
                _rule(["networking.k8s.io"], ["networkpolicies"], ["create", "patch"]),
                _rule(["postgresql.cnpg.io"], ["clusters"], ["get", "create", "patch"]),
            ],
        ),
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": WATCHER, "namespace": NAMESPACE}},
        _cluster_role(
            WATCHER,
            [
                _rule(["batch"], ["jobs"], ["get", "list", "watch"]),
                _rule(["serving.knative.dev"], ["services"], ["get", "list", "watch"]),
                _rule(["apps"], ["deployments"], ["get", "list", "watch"]),
            ],
        ),
        _deployments_source(),
    ]


def _listing_permissions(account: str) -> list[Manifest]:
    """Return the one role in the platform's own namespace: list where functions run. Manifests of functions hold no secret."""
    rules = [_rule([""], ["pods"], ["list"]), _rule(["serving.knative.dev"], ["services"], ["list"])]
    metadata = {"name": FUNCTIONS_ROLE, "namespace": NAMESPACE}
    return [{"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": metadata, "rules": rules}, _listing_binding(FUNCTIONS_ROLE, account)]


def group_permissions(context: str) -> list[Manifest]:
    """Return what the account of a group needs beside what its roles allow: all functions of a context have one account."""
    return [_listing_binding(f"grouped-{FUNCTIONS_ROLE}", cluster_account(context))]


def _listing_binding(name: str, account: str) -> Manifest:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": FUNCTIONS_ROLE},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}],
    }


def _deployments_source() -> Manifest:
    """Return the source that reports changed Jobs and Services, and Deployments that autoscalers scale.

    Knative's controller sends a SubjectAccessReview (get, list, watch) for each resource and selected namespace. If one is
    denied, the source is not ready, and its adapter learns of no new namespace (eventing, pkg/reconciler/apiserversource,
    runAccessCheck). So the source selects a namespace by a label that it gets after the RoleBinding.
    """
    selector = {"matchLabels": {MANAGED: "true"}}
    return {
        "apiVersion": "sources.knative.dev/v1",
        "kind": "ApiServerSource",
        "metadata": {"name": WATCHER, "namespace": NAMESPACE},
        "spec": {
            "mode": "Reference",
            "serviceAccountName": WATCHER,
            "resources": [
                {"apiVersion": "batch/v1", "kind": "Job", "selector": selector},
                {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "selector": selector},
                {"apiVersion": "apps/v1", "kind": "Deployment", "selector": {"matchLabels": {AUTOSCALED: "true"}}},
            ],
            "namespaceSelector": {"matchLabels": {WATCHED: "true"}},
            "sink": {"ref": {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "name": "capsule", "namespace": NAMESPACE}},
        },
    }


def _rule(groups: list[str], resources: list[str], verbs: list[str]) -> Manifest:
    return {"apiGroups": groups, "resources": resources, "verbs": verbs}


def _cluster_role(name: str, rules: list[Manifest]) -> Manifest:
    return {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}


def _cluster_role_binding(role: str, account: str) -> Manifest:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": role},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}],
    }
