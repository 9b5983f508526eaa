"""The account that deploys, with the permissions and policies of knative/base: everything it needs in the namespace of an application, nothing in the
platform's or anybody else's."""

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from functions.deploy.domain.tenancy import tenancy
from knative.local import definitions
from knative.local.definitions import VERBS
from knative.local.rbac import Attempt, Authorizer
from knative.local.tokens import service_account
from tests.deploy.account import ACCOUNT, PATHS, objects
from tests.knative.api.conftest import Server, free_offset, service

TENANT, LABEL = "deploy-tenant", "capsule.dev/application"
RBAC = "rbac.authorization.k8s.io"
APPLY = {"Content-Type": "application/apply-patch+yaml"}
MERGE = {"Content-Type": "application/merge-patch+json"}
EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
Object = dict[str, Any]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server(tmp_path_factory.mktemp("capsule"), free_offset())
    found.start()
    with found.http() as http:
        assert http.post("/api/v1/namespaces", json={"metadata": {"name": "capsule"}}).status_code == 201
        for path, each in objects():
            assert (made := http.post(path, json=each)).status_code == 201, made.text
    yield found
    assert found.stop() == 0, found.log


@pytest.fixture
def admin(own: Server) -> Iterator[httpx.Client]:
    with own.http() as http:
        yield http


@pytest.fixture
def deploy(own: Server, admin: httpx.Client) -> Iterator[httpx.Client]:
    """As the functions that talk to the cluster."""
    answer = admin.post(f"/api/v1/namespaces/capsule/serviceaccounts/{ACCOUNT}/token", json={"spec": {"audiences": []}})
    with own.http(token=answer.json()["status"]["token"]) as http:
        yield http


@pytest.fixture
def all_powerful(admin: httpx.Client) -> Iterator[None]:
    """The account with every permission that RBAC can give: what is left is the policies alone."""
    body = {
        "metadata": {"name": "everything"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": "capsule"}],
    }
    assert admin.post(PATHS["ClusterRoleBinding"], json=body).status_code == 201
    yield
    assert admin.delete(f"{PATHS['ClusterRoleBinding']}/everything").status_code == 200


def application(deploy: httpx.Client) -> tuple[str, str]:
    """A new application's namespace, made as the adapter makes it, and its id."""
    name, id = f"x{uuid.uuid4().hex[:8]}", uuid.uuid4()
    namespace, binding, *_ = tenancy(name, id)
    assert (made := deploy.post("/api/v1/namespaces", json=namespace)).status_code == 201, made.text
    where = namespace["metadata"]["name"]
    assert (made := deploy.post(f"/apis/{RBAC}/v1/namespaces/{where}/rolebindings", json=binding)).status_code == 201, made.text
    return where, str(id)


def labels(id: str, **more: str) -> Object:
    return {LABEL: id, "pod-security.kubernetes.io/enforce": "restricted", **more}


def job(name: str) -> Object:
    spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "capsule.local/capsule:dev"}]}}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def role_binding(role: str = TENANT, kind: str = "ClusterRole", **subject: str) -> Object:
    subjects = [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": "capsule", **subject}]
    return {"metadata": {"name": f"b-{uuid.uuid4().hex[:8]}"}, "roleRef": {"apiGroup": RBAC, "kind": kind, "name": role}, "subjects": subjects}


def denied(answer: httpx.Response, words: str) -> bool:
    """By a policy, not by a role."""
    message = answer.json().get("message", "")
    assert answer.status_code == 403 and "denied request: " in message and words in message, f"{answer.status_code} {message}"
    return True


# -- its work ---------------------------------------------------------------------------------------------------------


def test_it_does_its_work_in_the_namespace_of_an_application(deploy: httpx.Client) -> None:
    where, id = application(deploy)
    core, knative = f"/api/v1/namespaces/{where}", f"/apis/serving.knative.dev/v1/namespaces/{where}/services"
    apply = {"headers": APPLY, "params": {"fieldManager": "capsule", "force": "true"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "labels": {"e": "x"}}}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"pods": "60"}}}
    for _ in range(2):
        for path, body in (
            (f"{core}/resourcequotas/q", quota),
            (f"{core}/secrets/s", secret),
            (f"/apis/batch/v1/namespaces/{where}/jobs/j", job("j")),
            (f"{knative}/web", service("web", where)),
        ):
            assert (made := deploy.patch(path, json=body, **apply)).status_code in (200, 201), made.text  # type: ignore[arg-type]
    reads = (f"{knative}/web", f"/apis/batch/v1/namespaces/{where}/jobs/j", f"{core}/pods", f"/api/v1/namespaces/{where}")
    assert [deploy.get(path).status_code for path in reads] == [200] * 4
    assert deploy.delete(f"/apis/batch/v1/namespaces/{where}/jobs/j").status_code == 200
    assert deploy.delete(f"{knative}/web").status_code == 200
    assert deploy.delete(f"{core}/secrets", params={"labelSelector": "e=x"}).status_code == 200
    relabelled = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": where, "labels": labels(id, more="one")}}
    assert deploy.patch(f"/api/v1/namespaces/{where}", json=relabelled, **apply).status_code == 200  # type: ignore[arg-type]
    assert deploy.delete(f"/api/v1/namespaces/{where}").status_code == 200


def test_a_namespace_from_before_an_upgrade_needs_nothing_new(admin: httpx.Client, deploy: httpx.Client) -> None:
    """Its RoleBinding names the same ClusterRole, which has grown."""
    name, id = f"x{uuid.uuid4().hex[:8]}", uuid.uuid4()
    namespace, binding, *_ = tenancy(name, id)
    where = namespace["metadata"]["name"]
    assert admin.post("/api/v1/namespaces", json=namespace).status_code == 201
    assert admin.post(f"/apis/{RBAC}/v1/namespaces/{where}/rolebindings", json=binding).status_code == 201
    assert deploy.post("/api/v1/namespaces", json=namespace).status_code == 409
    assert deploy.post(f"/apis/{RBAC}/v1/namespaces/{where}/rolebindings", json=binding).status_code == 409
    assert deploy.post(f"/apis/batch/v1/namespaces/{where}/jobs", json=job("j")).status_code in (201, 403)
    assert deploy.get(f"/apis/batch/v1/namespaces/{where}/jobs/j").status_code in (200, 404)


# -- the platform's namespace -----------------------------------------------------------------------------------------


def test_its_roles_give_it_nothing_in_the_platform_s_namespace(own: Server) -> None:
    """But what must be allowed on the whole cluster: making Namespaces, reading one by name, and binding itself, which the policies deny here."""
    own.stop()
    store = own.store()
    try:
        authorizer, identity = Authorizer(store), service_account("capsule", ACCOUNT)
        subresources = ("status", "token", "log", "finalize", "exec")
        resources = [(each.group, each.plural + sub) for each in definitions.load() for sub in ("", *(f"/{sub}" for sub in subresources))]
        verbs = (*VERBS, "bind", "escalate", "impersonate")
        allowed = {
            (verb, resource)
            for group, resource in resources
            for verb in verbs
            for name in ("", "anything", ACCOUNT, "capsule")
            if authorizer.allows(identity, Attempt(verb, group, resource, "capsule", name))
        }
    finally:
        store.close()
        own.start()
    assert allowed == {("create", "namespaces"), ("get", "namespaces"), ("create", "rolebindings")}


def writes(http: httpx.Client, where: str) -> Iterator[tuple[str, httpx.Response]]:
    """Every way to write every kind there, by HTTP."""
    for each in definitions.load():
        if not each.namespaced:
            continue
        root = f"/api/{each.version}" if not each.group else f"/apis/{each.group}/{each.version}"
        path, body = f"{root}/namespaces/{where}/{each.plural}", {"metadata": {"name": "there"}}
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


@pytest.mark.parametrize("where", ["capsule", "default", "kube-system"])
def test_it_writes_nothing_outside_of_applications(deploy: httpx.Client, admin: httpx.Client, where: str) -> None:
    before = admin.get(f"/apis/{RBAC}/v1/namespaces/{where}/rolebindings").json()["items"]
    tried = {name: answer.status_code for name, answer in writes(deploy, where)}
    assert len(tried) > 100
    assert {name: code for name, code in tried.items() if code not in (403, 404, 405)} == {}, tried
    assert admin.get(f"/apis/{RBAC}/v1/namespaces/{where}/rolebindings").json()["items"] == before
    assert denied(deploy.post(f"/apis/{RBAC}/v1/namespaces/{where}/rolebindings", json=role_binding()), "writes only in namespaces of applications")
    for plural in ("pods", "secrets", "configmaps"):
        assert deploy.get(f"/api/v1/namespaces/{where}/{plural}").status_code == 403
    assert deploy.get(f"/apis/batch/v1/namespaces/{where}/jobs").status_code == 403


def test_the_policies_hold_without_the_roles(all_powerful: None, deploy: httpx.Client, admin: httpx.Client) -> None:
    """As far as a request gets to admission: nothing new appears, nothing that is there goes or changes."""
    path = "/api/v1/namespaces/capsule"
    assert admin.post(f"{path}/configmaps", json={"metadata": {"name": "c"}, "data": {"k": "v"}}).status_code == 201
    words = "writes only in namespaces of applications"
    assert denied(deploy.post(f"{path}/configmaps", json={"metadata": {"name": "d"}}), words)
    assert denied(deploy.put(f"{path}/configmaps/c", json={"metadata": {"name": "c"}}), words)
    assert denied(deploy.patch(f"{path}/configmaps/c", headers=MERGE, json={"data": {"k": "w"}}), words)
    assert denied(deploy.delete(f"{path}/configmaps/c"), words)
    assert denied(deploy.delete(f"{path}/configmaps"), words)
    assert denied(deploy.post("/apis/batch/v1/namespaces/capsule/jobs", json=job("j")), words)
    assert denied(deploy.post(f"{path}/serviceaccounts/{ACCOUNT}/token", json={"spec": {"audiences": []}}), words)
    assert admin.get(f"{path}/configmaps/c").json()["data"] == {"k": "v"}
    cluster = "writes no cluster-scoped object but Namespaces"
    assert denied(deploy.post(PATHS["ClusterRole"], json={"metadata": {"name": "mine"}, "rules": [EVERYTHING]}), cluster)
    assert denied(deploy.delete(f"{PATHS['ClusterRole']}/{TENANT}"), cluster)
    assert denied(deploy.put("/api/v1/namespaces/capsule/finalize", json={"metadata": {"name": "capsule"}}), cluster)
    assert admin.delete(f"{path}/configmaps/c").status_code == 200


def test_the_policies_hold_for_every_kind_and_every_way_to_write(all_powerful: None, deploy: httpx.Client, admin: httpx.Client) -> None:
    def everything() -> dict[str, list[Object]]:
        kinds = [each for each in definitions.load() if each.namespaced]
        roots = {each.resource: f"/api/{each.version}" if not each.group else f"/apis/{each.group}/{each.version}" for each in kinds}
        return {each.resource: admin.get(f"{roots[each.resource]}/namespaces/capsule/{each.plural}").json()["items"] for each in kinds}

    before = everything()
    done = {name: answer.status_code for name, answer in writes(deploy, "capsule") if answer.status_code < 400}
    assert [name for name in done if not name.startswith("deletecollection")] == [], "an empty collection is deleted in vain"
    assert everything() == before


def test_it_may_ask_what_it_may(deploy: httpx.Client) -> None:
    where, _ = application(deploy)
    for namespace, expected in ((where, True), ("capsule", False)):
        review = {"spec": {"resourceAttributes": {"namespace": namespace, "verb": "create", "group": "batch", "resource": "jobs"}}}
        answer = deploy.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", json=review)
        assert answer.json()["status"] == {"allowed": expected}


# -- namespaces -------------------------------------------------------------------------------------------------------

ID = "0193f0aa-0000-7000-8000-000000000001"
OTHER = "0193f0aa-0000-7000-8000-000000000002"
WRONG = {
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


@pytest.mark.parametrize("what", WRONG)
def test_it_makes_only_namespaces_of_applications(all_powerful: None, deploy: httpx.Client, admin: httpx.Client, what: str) -> None:
    metadata, words = WRONG[what]
    assert denied(deploy.post("/api/v1/namespaces", json={"metadata": metadata}), words)
    if "name" in metadata:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        path = f"/api/v1/namespaces/{metadata['name']}"
        assert denied(deploy.patch(path, params={"fieldManager": "t"}, headers=APPLY, json=body), words)
        assert admin.get(path).status_code == 404


def test_it_takes_no_namespace_over(all_powerful: None, deploy: httpx.Client, admin: httpx.Client) -> None:
    name = f"app-{uuid.uuid4().hex[:8]}"
    assert admin.post("/api/v1/namespaces", json={"metadata": {"name": name}}).status_code == 201
    words = "changes and deletes only Namespaces of applications"
    for path in (f"/api/v1/namespaces/{name}", "/api/v1/namespaces/capsule"):
        assert denied(deploy.patch(path, headers=MERGE, json={"metadata": {"labels": labels(ID)}}), words)
        applied = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": path.rpartition("/")[2], "labels": labels(ID)}}
        assert denied(deploy.patch(path, params={"fieldManager": "t", "force": "true"}, headers=APPLY, json=applied), words)
        assert denied(deploy.put(path, json=applied), words)
        assert denied(deploy.delete(path), words)
        assert LABEL not in admin.get(path).json()["metadata"]["labels"]
    assert denied(deploy.post(f"/apis/{RBAC}/v1/namespaces/{name}/rolebindings", json=role_binding()), "writes only in namespaces of applications")


def test_a_namespace_stays_its_application_s(deploy: httpx.Client) -> None:
    where, id = application(deploy)
    path = f"/api/v1/namespaces/{where}"
    assert denied(deploy.patch(path, headers=MERGE, json={"metadata": {"labels": {LABEL: OTHER}}}), "does not change")
    assert denied(deploy.patch(path, headers=MERGE, json={"metadata": {"labels": {LABEL: None}}}), "has the label capsule.dev/application")
    weaker = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}
    assert denied(deploy.patch(path, headers=MERGE, json=weaker), "pod-security.kubernetes.io/enforce=restricted")
    assert deploy.get(path).json()["metadata"]["labels"][LABEL] == id


# -- what it grants ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        role_binding("cluster-admin"),
        role_binding("edit"),
        role_binding(TENANT, "Role"),
        role_binding(name="default"),
        role_binding(namespace="default"),
        {**role_binding(), "subjects": [{"kind": "Group", "name": "system:authenticated", "apiGroup": RBAC}]},
        {**role_binding(), "subjects": [*role_binding()["subjects"], {"kind": "User", "name": "me", "apiGroup": RBAC}]},
        {**role_binding(), "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT}]},
        {key: value for key, value in role_binding().items() if key != "subjects"},
    ],
)
def test_it_grants_only_the_tenant_role_and_only_to_itself(all_powerful: None, deploy: httpx.Client, body: Object) -> None:
    where, _ = application(deploy)
    path, words = f"/apis/{RBAC}/v1/namespaces/{where}/rolebindings", f"grants only the ClusterRole {TENANT}, and only to itself"
    assert denied(deploy.post(path, json=body), words)
    applied = {"apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", **body}
    assert denied(deploy.patch(f"{path}/{body['metadata']['name']}", params={"fieldManager": "t"}, headers=APPLY, json=applied), words)
    role = {"metadata": {"name": "mine"}, "rules": [EVERYTHING]}
    assert denied(deploy.post(f"/apis/{RBAC}/v1/namespaces/{where}/roles", json=role), words)
    assert denied(deploy.delete(f"{path}/{TENANT}"), words)


def test_its_roles_let_it_bind_no_other_role(deploy: httpx.Client) -> None:
    where, _ = application(deploy)
    refused = deploy.post(f"/apis/{RBAC}/v1/namespaces/{where}/rolebindings", json=role_binding("cluster-admin"))
    assert refused.status_code == 403 and "attempting to grant RBAC permissions not currently held" in refused.json()["message"]


def test_the_policies_are_about_this_account_alone(admin: httpx.Client) -> None:
    name = f"n-{uuid.uuid4().hex[:8]}"
    assert admin.post("/api/v1/namespaces", json={"metadata": {"name": name}}).status_code == 201
    assert admin.post(f"/apis/{RBAC}/v1/namespaces/{name}/rolebindings", json=role_binding("view")).status_code == 201
    assert admin.delete(f"/api/v1/namespaces/{name}").status_code == 200
