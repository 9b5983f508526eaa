"""The namespace of an application and its limits: no privileged pods, a quota of objects, traffic only from the
ingress, no access to the cluster's API or to other tenants.

The deploy context's service account has permissions only in these namespaces, through a RoleBinding in each. In the
platform's namespace it may list Knative Services and pods, to tell where functions run, and nothing else.
"""

from collections.abc import Sequence
from uuid import UUID

from functions.deploy.domain.manifests import APPLICATION, MANAGED, Manifest
from functions.deploy.domain.names import namespace_of
from functions.wire.addresses import PRIVATE, SPECIAL

PLATFORM = "capsule"
ACCOUNT = "deploy-cluster"
TENANT_ROLE = "deploy-tenant"
"""ClusterRole with the account's permissions in a tenant's namespace; defined in knative/base."""
TERMINALS = "edge-cluster"
"""The account of the function that attaches clients to one-off commands."""
ATTACH_ROLE = "edge-attach"
"""ClusterRole with its permissions in a tenant's namespace; defined in knative/base."""
SYSTEM = ("knative-serving", "kourier-system", "istio-system", "contour-external", "contour-internal")
COLLECTOR = "capsule-collector"
"""The namespace of the collector, which reads requests from queue-proxies. Defined in knative/components/collector."""
QUEUE_PROXY_METRICS = [{"protocol": "TCP", "port": 9091}]
DNS = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
HARD = {"pods": "60", "count/jobs.batch": "1000", "secrets": "1200", "configmaps": "50", "services.nodeports": "0", "services.loadbalancers": "0"}
"""`pods` limits what runs: pods that have ended do not count. Ended Jobs do, each with the Secret of its build, for the hour that they
are kept: their numbers limit what the cluster stores, and must be above what one application deploys in an hour."""


def tenancy(application: str, application_id: UUID, egress_allow: Sequence[str] = ()) -> tuple[Manifest, ...]:
    """Render the namespace and its limits, in the order of application: the account may create Namespaces and
    RoleBindings anywhere, and other objects only where the RoleBinding is in force.

    `egress_allow`: private networks that the pods may reach, in CIDR notation.
    """
    return (
        namespace(application, application_id),
        _binding(application, TENANT_ROLE, ACCOUNT),
        _quota(application),
        _policy(application, egress_allow),
    )


def namespace(application: str, application_id: UUID) -> Manifest:
    """Render the Namespace. Pod Security admission refuses privileged pods in it."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": namespace_of(application),
            "labels": {MANAGED: "true", APPLICATION: str(application_id), "pod-security.kubernetes.io/enforce": "restricted"},
        },
    }


def attach_binding(application: str) -> Manifest:
    """Render the RoleBinding by which clients attach to one-off commands. Only namespaces with such commands have it."""
    return _binding(application, ATTACH_ROLE, TERMINALS)


def _binding(application: str, role: str, account: str) -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": _metadata(role, application),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": PLATFORM}],
    }


def _quota(application: str) -> Manifest:
    """Limits numbers of objects only. The size of an environment bounds memory and CPU: a ResourceQuota on those would
    require limits of every sidecar that the cluster injects."""
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": _metadata("capsule", application), "spec": {"hard": dict(HARD)}}


def _policy(application: str, egress_allow: Sequence[str]) -> Manifest:
    """Ingress: from the ingress controller and Knative, and from the collector to the metrics of queue-proxies. Egress:
    DNS, public addresses, and private networks that the operator opened."""
    system = {"namespaceSelector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": [*SYSTEM]}]}}
    collector = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": COLLECTOR}}}
    dns = {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}], "ports": DNS}
    everywhere = ({"cidr": "0.0.0.0/0", "except": [*PRIVATE, *SPECIAL]}, {"cidr": "::/0", "except": ["fc00::/7", "fe80::/10"]})
    outside = {"to": [{"ipBlock": block} for block in (*everywhere, *({"cidr": each} for each in egress_allow))]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata("capsule", application),
        "spec": {
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [system]}, {"from": [collector], "ports": QUEUE_PROXY_METRICS}],
            "egress": [dns, outside],
        },
    }


def _metadata(name: str, application: str) -> Manifest:
    return {"name": name, "namespace": namespace_of(application), "labels": {MANAGED: "true"}}
