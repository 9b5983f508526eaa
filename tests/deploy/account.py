"""The deploy context's service account as knative/base defines it: roles, admission policies, a token."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client

BASE = Path(__file__).parents[2] / "knative" / "base" / "deploy.yaml"
NAMESPACE, ACCOUNT = "capsule", "deploy-cluster"
PATHS = {
    "ServiceAccount": "/api/v1/namespaces/capsule/serviceaccounts",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/capsule/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/capsule/rolebindings",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "ValidatingAdmissionPolicy": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
}


def objects() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (API path, object) of everything that limits the account, except its namespace."""
    for each in yaml.load_all(BASE.read_text(), yaml.CSafeLoader):
        if each["kind"] in PATHS:
            yield PATHS[each["kind"]], each


def give_account(api: client.ApiClient, kubeconfig: Path, target: Path) -> None:
    """Create the account with its limits and its namespace, and write `target`: the kubeconfig with the account's token."""
    core = client.CoreV1Api(api)
    if not core.list_namespace(field_selector=f"metadata.name={NAMESPACE}").items:
        core.create_namespace({"metadata": {"name": NAMESPACE}})
    config = yaml.safe_load(kubeconfig.read_text())
    header = {"Content-Type": "application/json", "Authorization": f"Bearer {config['users'][0]['user']['token']}"}
    for path, body in objects():
        api.call_api("POST", api.configuration.host + path, header, body).read()
    token = core.create_namespaced_service_account_token(ACCOUNT, NAMESPACE, {"spec": {}}).status.token
    config["users"][0]["user"] = {"token": token}
    target.write_text(yaml.safe_dump(config))
