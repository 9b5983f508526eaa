"""The account creates and changes only namespaces of applications."""

import uuid

import httpx
import pytest

from tests.knative.api.deploy_account.requests import APPLY, LABEL, MERGE, RBAC, application, denied, labels, role_binding

EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}


ID = "0193f0aa-0000-7000-8000-000000000001"
OTHER = "0193f0aa-0000-7000-8000-000000000002"
INVALID = {
    "without labels": ({"name": "app-a"}, "has the label capsule.dev/application"),
    "without the label": ({"name": "app-a", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}, "has the label capsule.dev/application"),
    "with an empty id": ({"name": "app-a", "labels": labels("")}, "with an application's id"),
    "with another word": ({"name": "app-a", "labels": labels("true")}, "with an application's id"),
    "of another name": ({"name": "a", "labels": labels(ID)}, "is named app-*"),
    "of the system's": ({"name": "kube-public", "labels": labels(ID)}, "is named app-*"),
    "with a generated name": ({"generateName": "a-", "labels": labels(ID)}, "is named app-*"),
    "without pod security": ({"name": "app-a", "labels": {LABEL: ID}}, "pod-security.kubernetes.io/enforce=restricted"),
    "with less of it": (
        {"name": "app-a", "labels": {**labels(ID), "pod-security.kubernetes.io/enforce": "privileged"}},
        "pod-security.kubernetes.io/enforce=restricted",
    ),
}


@pytest.mark.parametrize("what", INVALID)
def test_only_namespaces_of_applications_can_be_created(all_powerful: None, deploy: httpx.Client, admin: httpx.Client, what: str) -> None:
    metadata, message = INVALID[what]
    assert denied(deploy.post("/api/v1/namespaces", json={"metadata": metadata}), message)
    if "name" in metadata:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        path = f"/api/v1/namespaces/{metadata['name']}"
        assert denied(deploy.patch(path, params={"fieldManager": "t"}, headers=APPLY, json=body), message)
        assert admin.get(path).status_code == 404


def test_other_namespaces_cannot_be_taken_over(all_powerful: None, deploy: httpx.Client, admin: httpx.Client) -> None:
    name = f"app-{uuid.uuid4().hex[:8]}"
    assert admin.post("/api/v1/namespaces", json={"metadata": {"name": name}}).status_code == 201
    message = "changes and deletes only Namespaces of applications"
    for path in (f"/api/v1/namespaces/{name}", "/api/v1/namespaces/capsule"):
        assert denied(deploy.patch(path, headers=MERGE, json={"metadata": {"labels": labels(ID)}}), message)
        applied = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": path.rpartition("/")[2], "labels": labels(ID)}}
        assert denied(deploy.patch(path, params={"fieldManager": "t", "force": "true"}, headers=APPLY, json=applied), message)
        assert denied(deploy.put(path, json=applied), message)
        assert denied(deploy.delete(path), message)
        assert LABEL not in admin.get(path).json()["metadata"]["labels"]
    assert denied(deploy.post(f"/apis/{RBAC}/v1/namespaces/{name}/rolebindings", json=role_binding()), "writes only in namespaces of applications")


def test_a_namespace_cannot_be_moved_to_another_application(deploy: httpx.Client) -> None:
    namespace_name, application_id = application(deploy)
    path = f"/api/v1/namespaces/{namespace_name}"
    assert denied(deploy.patch(path, headers=MERGE, json={"metadata": {"labels": {LABEL: OTHER}}}), "does not change")
    assert denied(deploy.patch(path, headers=MERGE, json={"metadata": {"labels": {LABEL: None}}}), "has the label capsule.dev/application")
    weaker = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}
    assert denied(deploy.patch(path, headers=MERGE, json=weaker), "pod-security.kubernetes.io/enforce=restricted")
    assert deploy.get(path).json()["metadata"]["labels"][LABEL] == application_id
