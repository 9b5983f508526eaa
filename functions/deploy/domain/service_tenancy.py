"""The namespace of a data service with a server of its own, on a cluster, and its limits.

Each such service has a namespace: deleting it deletes all that belongs to the service, and the service's grace period does not depend on the
namespace of the application, which is deleted with the application. The name has two dashes, as that of no application has. The label
`capsule.dev/application` names the application as in its own namespace: the policies of both let its instances reach the server.
"""

from uuid import UUID

from functions.deploy.domain.manifests import APPLICATION, MANAGED, Manifest
from functions.deploy.domain.network_policies import DATA_SERVICE, POSTGRES_PORT, REDIS_PORT, allow_dns, ports
from functions.deploy.domain.tenancy import ACCOUNT, PLATFORM

SERVICE_ROLE = "deploy-data-service"
"""ClusterRole with the account's permissions in the namespace of a data service; defined in knative/base."""
STATUS_PORT = 8000
"""Of CloudNativePG's instance manager, which its operator and the other instances read."""
API_PORTS = (443, 6443)
OPERATOR = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app.kubernetes.io/name": "cloudnative-pg"}}}
"""CloudNativePG's operator, in whichever namespace. No pod of an application has this label: Capsule renders their labels."""
QUEUE_READER = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app.kubernetes.io/name": "keda-operator"}}}
"""KEDA's operator, which reads queues in databases of applications."""
HARD = {"pods": "12", "persistentvolumeclaims": "8", "services.nodeports": "0", "services.loadbalancers": "0"}
"""Pods and claims: of three instances, their Jobs, and their replacements during an update."""


def namespace_of_service(database: str) -> str:
    return f"app--{database}"


def service_tenancy(database: str, application_id: UUID) -> tuple[Manifest, ...]:
    """Render the namespace and its limits, in the order of application, as `tenancy` does for an application."""
    namespace = namespace_of_service(database)
    labels = {MANAGED: "true", APPLICATION: str(application_id), DATA_SERVICE: database, "pod-security.kubernetes.io/enforce": "restricted"}
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": PLATFORM}
    return (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": metadata_of(SERVICE_ROLE, database),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": SERVICE_ROLE},
            "subjects": [subject],
        },
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata_of("capsule", database), "spec": {"hard": dict(HARD)}},
        _policy(database, application_id),
    )


def metadata_of(name: str, database: str) -> Manifest:
    return {"name": name, "namespace": namespace_of_service(database), "labels": {MANAGED: "true", DATA_SERVICE: database}}


def _policy(database: str, application_id: UUID) -> Manifest:
    """In: the application, the platform (it creates logins, measures and backs up), other instances, and the operator. Out: DNS, other
    instances, and the cluster's API, where an instance of CloudNativePG reports."""
    application = {"namespaceSelector": {"matchLabels": {APPLICATION: str(application_id)}}}
    platform = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": PLATFORM}}}
    instances: Manifest = {"podSelector": {}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata_of("capsule", database),
        "spec": {
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {"from": [application, platform, instances, QUEUE_READER], "ports": ports(POSTGRES_PORT, REDIS_PORT)},
                {"from": [instances, OPERATOR], "ports": ports(POSTGRES_PORT, STATUS_PORT)},
            ],
            "egress": [
                allow_dns(),
                {"to": [instances], "ports": ports(POSTGRES_PORT, STATUS_PORT)},
                {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}}], "ports": ports(*API_PORTS)},
            ],
        },
    }
