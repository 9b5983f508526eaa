"""The namespace of one application, and what bounds it: no privileged pods, so many objects, no way in but through the ingress, none to the cluster's
API or to neighbours. And the one place where this context may act at all: its account is granted its permissions namespace by namespace, so it
reads and writes nothing in the platform's."""

from uuid import UUID

from functions.deploy.domain.manifests import APPLICATION, MANAGED, Manifest
from functions.deploy.domain.names import namespace_of

PLATFORM = "capsule"
ACCOUNT = "deploy-cluster"
TENANT_ROLE = "deploy-tenant"
"""The ClusterRole that lets the account act where a RoleBinding says so; described beside the functions' manifests."""
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10")
SYSTEM = ("knative-serving", "kourier-system", "istio-system", "contour-external", "contour-internal")
DNS = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
HARD = {"pods": "60", "count/jobs.batch": "40", "secrets": "200", "configmaps": "50", "services.nodeports": "0", "services.loadbalancers": "0"}


def tenancy(application: str, application_id: UUID) -> tuple[Manifest, ...]:
    """In the order in which it is applied: the account may create the first two anywhere, all else only where the second is in force."""
    return (
        namespace(application, application_id),
        _binding(application),
        _quota(application),
        _policy(application),
    )


def namespace(application: str, application_id: UUID) -> Manifest:
    """One for each application; the cluster itself refuses privileged pods in it."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": namespace_of(application),
            "labels": {MANAGED: "true", APPLICATION: str(application_id), "pod-security.kubernetes.io/enforce": "restricted"},
        },
    }


def _binding(application: str) -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": _named(TENANT_ROLE, application),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": TENANT_ROLE},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": PLATFORM}],
    }


def _quota(application: str) -> Manifest:
    """Memory and processors are bounded by the size of each environment, before anything is applied: a ResourceQuota on them would also ask a limit
    of every sidecar that the cluster adds."""
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": _named("capsule", application), "spec": {"hard": dict(HARD)}}


def _policy(application: str) -> Manifest:
    """In: from the ingress and Knative's own. Out: names, and addresses that are not inside."""
    system = {"namespaceSelector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": [*SYSTEM]}]}}
    names = {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}], "ports": DNS}
    outside = {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": [*PRIVATE]}}, {"ipBlock": {"cidr": "::/0", "except": ["fc00::/7", "fe80::/10"]}}]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _named("capsule", application),
        "spec": {
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [system]}],
            "egress": [names, outside],
        },
    }


def _named(name: str, application: str) -> Manifest:
    return {"name": name, "namespace": namespace_of(application), "labels": {MANAGED: "true"}}
