"""The account writes nothing outside of applications: neither its roles nor the policies alone allow it."""

from collections.abc import Iterator

import httpx
import pytest

from knative.local import definitions
from tests.deploy.account import ACCOUNT, PATHS
from tests.knative.api.deploy_account.requests import APPLY, MERGE, RBAC, TENANT, Object, denied, job, role_binding

EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}


def writes(http: httpx.Client, namespace_name: str) -> Iterator[tuple[str, httpx.Response]]:
    """Send every kind of write for every kind of object to a namespace."""
    for each in definitions.load():
        if not each.namespaced:
            continue
        root = f"/api/{each.version}" if not each.group else f"/apis/{each.group}/{each.version}"
        path, body = f"{root}/namespaces/{namespace_name}/{each.plural}", {"metadata": {"name": "there"}}
        if each.kind in ("Role", "RoleBinding"):
            body = {**role_binding(), **body} if each.kind == "RoleBinding" else {**body, "rules": []}  # type: ignore[dict-item]
        applied = {"apiVersion": each.api_version, "kind": each.kind, **body}
        for name, answer in (
            ("create", http.post(path, json=body)),
            ("generate", http.post(path, json={**body, "metadata": {"generateName": "g-"}})),
            ("apply", http.patch(f"{path}/new", params={"fieldManager": "t"}, headers=APPLY, json={**applied, "metadata": {"name": "new"}})),
            ("update", http.put(f"{path}/there", json=body)),
            ("patch", http.patch(f"{path}/there", headers=MERGE, json={"metadata": {"labels": {"a": "b"}}})),
            ("delete", http.delete(f"{path}/there")),
            ("deletecollection", http.delete(path)),
            *((f"patch {sub}", http.patch(f"{path}/there/{sub}", headers=MERGE, json={"status": {}})) for sub in each.subresources),
        ):
            yield f"{name} {each.resource}", answer


@pytest.mark.parametrize("namespace_name", ["capsule", "default", "kube-system"])
def test_writes_outside_of_applications_are_refused(deploy: httpx.Client, admin: httpx.Client, namespace_name: str) -> None:
    before = admin.get(f"/apis/{RBAC}/v1/namespaces/{namespace_name}/rolebindings").json()["items"]
    codes = {name: answer.status_code for name, answer in writes(deploy, namespace_name)}
    assert len(codes) > 100
    assert {name: code for name, code in codes.items() if code not in (403, 404, 405)} == {}, codes
    assert admin.get(f"/apis/{RBAC}/v1/namespaces/{namespace_name}/rolebindings").json()["items"] == before
    assert denied(
        deploy.post(f"/apis/{RBAC}/v1/namespaces/{namespace_name}/rolebindings", json=role_binding()), "writes only in namespaces of applications"
    )
    for plural in ("pods", "secrets", "configmaps"):
        assert deploy.get(f"/api/v1/namespaces/{namespace_name}/{plural}").status_code == 403
    assert deploy.get(f"/apis/batch/v1/namespaces/{namespace_name}/jobs").status_code == 403


def test_the_policies_refuse_writes_that_roles_would_allow(all_powerful: None, deploy: httpx.Client, admin: httpx.Client) -> None:
    """Nothing can be created, changed or deleted."""
    path = "/api/v1/namespaces/capsule"
    assert admin.post(f"{path}/configmaps", json={"metadata": {"name": "c"}, "data": {"k": "v"}}).status_code == 201
    message = "writes only in namespaces of applications"
    assert denied(deploy.post(f"{path}/configmaps", json={"metadata": {"name": "d"}}), message)
    assert denied(deploy.put(f"{path}/configmaps/c", json={"metadata": {"name": "c"}}), message)
    assert denied(deploy.patch(f"{path}/configmaps/c", headers=MERGE, json={"data": {"k": "w"}}), message)
    assert denied(deploy.delete(f"{path}/configmaps/c"), message)
    assert denied(deploy.delete(f"{path}/configmaps"), message)
    assert denied(deploy.post("/apis/batch/v1/namespaces/capsule/jobs", json=job("j")), message)
    assert denied(deploy.post(f"{path}/serviceaccounts/{ACCOUNT}/token", json={"spec": {"audiences": []}}), message)
    assert admin.get(f"{path}/configmaps/c").json()["data"] == {"k": "v"}
    cluster = "writes no cluster-scoped object but Namespaces"
    assert denied(deploy.post(PATHS["ClusterRole"], json={"metadata": {"name": "mine"}, "rules": [EVERYTHING]}), cluster)
    assert denied(deploy.delete(f"{PATHS['ClusterRole']}/{TENANT}"), cluster)
    assert denied(deploy.put("/api/v1/namespaces/capsule/finalize", json={"metadata": {"name": "capsule"}}), cluster)
    assert admin.delete(f"{path}/configmaps/c").status_code == 200


def test_the_policies_cover_every_kind_and_every_kind_of_write(all_powerful: None, deploy: httpx.Client, admin: httpx.Client) -> None:
    def everything() -> dict[str, list[Object]]:
        kinds = [each for each in definitions.load() if each.namespaced]
        roots = {each.resource: f"/api/{each.version}" if not each.group else f"/apis/{each.group}/{each.version}" for each in kinds}
        return {each.resource: admin.get(f"{roots[each.resource]}/namespaces/capsule/{each.plural}").json()["items"] for each in kinds}

    before = everything()
    done = {name: answer.status_code for name, answer in writes(deploy, "capsule") if answer.status_code < 400}
    assert [name for name in done if not name.startswith("deletecollection")] == [], "only deletions of empty collections succeed"
    assert everything() == before
