"""Objects and requests of the deploy account's tests."""

import uuid
from typing import Any

import httpx

from functions.deploy.domain.tenancy import tenancy
from tests.deploy.account import ACCOUNT

TENANT, LABEL = "deploy-tenant", "capsule.dev/application"
RBAC = "rbac.authorization.k8s.io"
APPLY = {"Content-Type": "application/apply-patch+yaml"}
MERGE = {"Content-Type": "application/merge-patch+json"}
Object = dict[str, Any]


def application(deploy: httpx.Client) -> tuple[str, str]:
    """Create the namespace of an application as the adapter does. Returns its name and the application's id."""
    name, application_id = f"x{uuid.uuid4().hex[:8]}", uuid.uuid4()
    namespace, binding, *_ = tenancy(name, application_id)
    assert (response := deploy.post("/api/v1/namespaces", json=namespace)).status_code == 201, response.text
    namespace_name = namespace["metadata"]["name"]
    assert (response := deploy.post(f"/apis/{RBAC}/v1/namespaces/{namespace_name}/rolebindings", json=binding)).status_code == 201, response.text
    return namespace_name, str(application_id)


def labels(application_id: str, **more: str) -> Object:
    return {LABEL: application_id, "pod-security.kubernetes.io/enforce": "restricted", **more}


def job(name: str) -> Object:
    spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "capsule.local/capsule:dev"}]}}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def deployment(name: str) -> Object:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "capsule.local/capsule:dev"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def cron_job(name: str) -> Object:
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name},
        "spec": {"schedule": "0 3 1 1 *", "jobTemplate": {"spec": job(name)["spec"]}},
    }


def role_binding(role: str = TENANT, kind: str = "ClusterRole", **subject: str) -> Object:
    subjects = [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": "capsule", **subject}]
    return {"metadata": {"name": f"b-{uuid.uuid4().hex[:8]}"}, "roleRef": {"apiGroup": RBAC, "kind": kind, "name": role}, "subjects": subjects}


def denied(answer: httpx.Response, message: str) -> bool:
    """Whether a policy, and not a role, denied the request."""
    text = answer.json().get("message", "")
    assert answer.status_code == 403 and "denied request: " in text and message in text, f"{answer.status_code} {text}"
    return True
