"""The namespace of one application, and what bounds it: no privileged pods, so many objects, no way in but through the ingress, none to the cluster's
API or to neighbours. And the one place where this context may act at all: its account is granted its permissions namespace by namespace, so it
reads and writes nothing in the platform's."""

from collections.abc import Sequence
from ipaddress import IPv4Network
from uuid import UUID

from functions.deploy.domain.manifests import APPLICATION, MANAGED, Manifest
from functions.deploy.domain.names import namespace_of

PLATFORM = "capsule"
ACCOUNT = "deploy-cluster"
TENANT_ROLE = "deploy-tenant"
"""The ClusterRole that lets the account act where a RoleBinding says so; described beside the functions' manifests."""
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15")
"""Networks that only an operator opens, by CAPSULE_EGRESS_ALLOW: RFC 1918, RFC 6598, RFC 2544."""
NEVER = ("0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "224.0.0.0/4", "240.0.0.0/4")
"""No unicast addresses of the internet (RFC 6890); a cloud's metadata is at 169.254.169.254 or 192.0.0.192. The one-machine Knative refuses the
same networks."""
SYSTEM = ("knative-serving", "kourier-system", "istio-system", "contour-external", "contour-internal")
DNS = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
HARD = {"pods": "60", "count/jobs.batch": "40", "secrets": "200", "configmaps": "50", "services.nodeports": "0", "services.loadbalancers": "0"}


def tenancy(application: str, application_id: UUID, egress_allow: Sequence[str] = ()) -> tuple[Manifest, ...]:
    """In the order in which it is applied: the account may create the first two anywhere, all else only where the second is in force. `egress_allow`:
    private networks that its pods reach, in CIDR notation."""
    return (
        namespace(application, application_id),
        _binding(application),
        _quota(application),
        _policy(application, egress_allow),
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


def egress_networks(text: str) -> tuple[str, ...]:
    """The networks of CAPSULE_EGRESS_ALLOW, separated by commas or spaces. Raises ValueError with a sentence."""
    found = []
    for word in text.replace(",", " ").split():
        try:
            network = IPv4Network(word)
        except ValueError as error:
            raise ValueError(f"CAPSULE_EGRESS_ALLOW: {word!r} is no IPv4 network in CIDR notation, as 10.1.0.0/16: {error}") from error
        if not any(network.subnet_of(IPv4Network(each)) for each in PRIVATE):
            raise ValueError(f"CAPSULE_EGRESS_ALLOW: {word} is no private network. Private are {', '.join(PRIVATE)} and what is inside of them")
        found.append(str(network))
    return tuple(found)


def _policy(application: str, egress_allow: Sequence[str]) -> Manifest:
    """In: from the ingress and Knative's own. Out: names, and addresses that are not inside, or are opened by the operator."""
    system = {"namespaceSelector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": [*SYSTEM]}]}}
    names = {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}], "ports": DNS}
    everywhere = ({"cidr": "0.0.0.0/0", "except": [*PRIVATE, *NEVER]}, {"cidr": "::/0", "except": ["fc00::/7", "fe80::/10"]})
    outside = {"to": [{"ipBlock": block} for block in (*everywhere, *({"cidr": each} for each in egress_allow))]}
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
