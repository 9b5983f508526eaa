"""The namespace of an application and its limits: no privileged pods, a quota of objects, traffic only from the
ingress, no access to the cluster's API or to other tenants.

The deploy context's service account has permissions only in these namespaces, through a RoleBinding in each; likewise the
account of the source that reports changes of builds and releases.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from functions.deploy.domain.manifests import APPLICATION, COMPONENT, MANAGED, Manifest
from functions.deploy.domain.names import namespace_of
from functions.deploy.domain.network_policies import Egress, network_policies

PLATFORM = "capsule"
ACCOUNT = "deploy-cluster"
TENANT_ROLE = "deploy-tenant"
"""ClusterRole with the account's permissions in a tenant's namespace; defined in knative/base."""
TERMINALS = "edge-cluster"
"""The account of the function that attaches clients to one-off commands."""
ATTACH_ROLE = "edge-attach"
"""ClusterRole with its permissions in a tenant's namespace; defined in knative/base."""
WATCHER = "capsule-deployments"
"""The account of the ApiServerSource, and its ClusterRole."""
WATCHED = "capsule.dev/watched"
"""The label by which the source selects a namespace: where its account is bound. Without the binding it would not be ready."""
HARD = {"pods": "60", "count/jobs.batch": "1000", "secrets": "1200", "configmaps": "50", "services.nodeports": "0", "services.loadbalancers": "0"}
"""`pods` limits what runs: pods that have ended do not count. Ended Jobs do, each with the Secret of its build, for the hour that they
are kept: their numbers limit what the cluster stores, and must be above what one application deploys in an hour."""


def tenancy(application: str, application_id: UUID, egress: Egress | None = None) -> tuple[Manifest, ...]:
    """Render the namespace and its limits, in the order of application: the account may create Namespaces and
    RoleBindings anywhere, and other objects only where the RoleBinding is in force.

    `egress`: what its pods may reach beside public addresses.
    """
    created = namespace(application, application_id)
    watched = {**created, "metadata": {**created["metadata"], "labels": {**created["metadata"]["labels"], WATCHED: "true"}}}
    return (
        created,
        _binding(application, TENANT_ROLE, ACCOUNT),
        _binding(application, WATCHER, WATCHER),
        _quota(application),
        *(_policy(application, name, spec) for name, spec in network_policies(COMPONENT, egress or Egress(), application_id)),
        watched,
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


def _policy(application: str, name: str, spec: Mapping[str, Any]) -> Manifest:
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": _metadata(name, application), "spec": spec}


def _metadata(name: str, application: str) -> Manifest:
    return {"name": name, "namespace": namespace_of(application), "labels": {MANAGED: "true"}}
