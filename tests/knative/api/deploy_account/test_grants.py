"""The account grants only roles of applications, each to its own account: deploy, terminals, the source of changes."""

import uuid

import httpx
import pytest

from functions.deploy.domain import tenancy
from tests.deploy.account import ACCOUNT
from tests.knative.api.deploy_account.requests import APPLY, RBAC, TENANT, Object, application, denied, role_binding

EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}


@pytest.mark.parametrize(
    "body",
    [
        role_binding("cluster-admin"),
        role_binding("edit"),
        role_binding(TENANT, "Role"),
        role_binding(name="default"),
        role_binding(namespace="default"),
        role_binding(tenancy.ATTACH_ROLE),
        role_binding(name=tenancy.TERMINALS),
        role_binding(tenancy.ATTACH_ROLE, name=tenancy.TERMINALS, namespace="default"),
        role_binding(tenancy.WATCHER),
        role_binding(TENANT, name=tenancy.WATCHER),
        {**role_binding(), "subjects": [{"kind": "Group", "name": "system:authenticated", "apiGroup": RBAC}]},
        {**role_binding(), "subjects": [*role_binding()["subjects"], {"kind": "User", "name": "me", "apiGroup": RBAC}]},
        {**role_binding(), "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT}]},
        {key: value for key, value in role_binding().items() if key != "subjects"},
    ],
)
def test_only_roles_of_applications_can_be_granted_each_to_its_account(all_powerful: None, deploy: httpx.Client, body: Object) -> None:
    namespace_name, _ = application(deploy)
    path, message = f"/apis/{RBAC}/v1/namespaces/{namespace_name}/rolebindings", f"grants only the ClusterRole {TENANT} to {ACCOUNT}"
    assert denied(deploy.post(path, json=body), message)
    applied = {"apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", **body}
    assert denied(deploy.patch(f"{path}/{body['metadata']['name']}", params={"fieldManager": "t"}, headers=APPLY, json=applied), message)
    role = {"metadata": {"name": "mine"}, "rules": [EVERYTHING]}
    assert denied(deploy.post(f"/apis/{RBAC}/v1/namespaces/{namespace_name}/roles", json=role), message)
    assert denied(deploy.delete(f"{path}/{TENANT}"), message)
    name = namespace_name.removeprefix("app-")
    bindings = [tenancy.attach_binding(name), *(each for each in tenancy.tenancy(name, uuid.uuid4()) if each["metadata"]["name"] == tenancy.WATCHER)]
    assert [deploy.post(path, json=each).status_code for each in bindings] == [201, 201]


def test_the_policies_apply_to_this_account_only(admin: httpx.Client) -> None:
    name = f"n-{uuid.uuid4().hex[:8]}"
    assert admin.post("/api/v1/namespaces", json={"metadata": {"name": name}}).status_code == 201
    assert admin.post(f"/apis/{RBAC}/v1/namespaces/{name}/rolebindings", json=role_binding("view")).status_code == 201
    assert admin.delete(f"/api/v1/namespaces/{name}").status_code == 200
