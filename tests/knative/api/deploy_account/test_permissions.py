"""What the roles of the account allow."""

import uuid

import httpx

from functions.deploy.domain.tenancy import tenancy
from knative.local import definitions
from knative.local.definitions import VERBS
from knative.local.rbac import Attempt, Authorizer
from knative.local.tokens import service_account
from tests.deploy.account import ACCOUNT
from tests.knative.api.conftest import Server, service
from tests.knative.api.deploy_account.requests import APPLY, RBAC, application, cron_job, deployment, job, labels, role_binding

EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}


def test_the_account_can_deploy_in_the_namespace_of_an_application(deploy: httpx.Client) -> None:
    namespace_name, application_id = application(deploy)
    core, knative = f"/api/v1/namespaces/{namespace_name}", f"/apis/serving.knative.dev/v1/namespaces/{namespace_name}/services"
    apply = {"headers": APPLY, "params": {"fieldManager": "capsule", "force": "true"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "labels": {"e": "x"}}}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"pods": "60"}}}
    for _ in range(2):
        for path, body in (
            (f"{core}/resourcequotas/q", quota),
            (f"{core}/secrets/s", secret),
            (f"/apis/batch/v1/namespaces/{namespace_name}/jobs/j", job("j")),
            (f"{knative}/web", service("web", namespace_name)),
        ):
            assert (response := deploy.patch(path, json=body, **apply)).status_code in (200, 201), response.text  # type: ignore[arg-type]
    reads = (f"{knative}/web", f"/apis/batch/v1/namespaces/{namespace_name}/jobs/j", f"{core}/pods", f"/api/v1/namespaces/{namespace_name}")
    assert [deploy.get(path).status_code for path in reads] == [200] * 4
    assert deploy.delete(f"/apis/batch/v1/namespaces/{namespace_name}/jobs/j").status_code == 200
    assert deploy.delete(f"{knative}/web").status_code == 200
    assert deploy.delete(f"{core}/secrets", params={"labelSelector": "e=x"}).status_code == 200
    deployments, cron_jobs = f"/apis/apps/v1/namespaces/{namespace_name}/deployments", f"/apis/batch/v1/namespaces/{namespace_name}/cronjobs"
    for path, body in ((f"{deployments}/w", deployment("w")), (f"{cron_jobs}/c", cron_job("c"))):
        assert (response := deploy.patch(path, json=body, **apply)).status_code in (200, 201), response.text  # type: ignore[arg-type]
    assert [deploy.get(path).status_code for path in (deployments, cron_jobs)] == [200, 200]
    assert [deploy.delete(path).status_code for path in (f"{deployments}/w", f"{cron_jobs}/c")] == [200, 200]
    relabelled = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace_name, "labels": labels(application_id, more="one")}}
    assert deploy.patch(f"/api/v1/namespaces/{namespace_name}", json=relabelled, **apply).status_code == 200  # type: ignore[arg-type]
    assert deploy.delete(f"/api/v1/namespaces/{namespace_name}").status_code == 200


def test_a_namespace_of_an_earlier_version_needs_no_change(admin: httpx.Client, deploy: httpx.Client) -> None:
    """Its RoleBinding refers to the same ClusterRole, whose permissions have grown."""
    name, application_id = f"x{uuid.uuid4().hex[:8]}", uuid.uuid4()
    namespace, binding, *_ = tenancy(name, application_id)
    namespace_name = namespace["metadata"]["name"]
    assert admin.post("/api/v1/namespaces", json=namespace).status_code == 201
    assert admin.post(f"/apis/{RBAC}/v1/namespaces/{namespace_name}/rolebindings", json=binding).status_code == 201
    assert deploy.post("/api/v1/namespaces", json=namespace).status_code == 409
    assert deploy.post(f"/apis/{RBAC}/v1/namespaces/{namespace_name}/rolebindings", json=binding).status_code == 409
    assert deploy.post(f"/apis/batch/v1/namespaces/{namespace_name}/jobs", json=job("j")).status_code in (201, 403)
    assert deploy.get(f"/apis/batch/v1/namespaces/{namespace_name}/jobs/j").status_code in (200, 404)


def test_the_roles_allow_nothing_in_the_namespace_of_the_platform(account_server: Server) -> None:
    """Except what must be allowed in the whole cluster: creating Namespaces, reading one by name, binding itself, and claims of domains,
    which have no namespace; policies deny the last two for what is not an application's."""
    account_server.stop()
    store = account_server.store()
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
        account_server.start()
    claims = {(verb, "clusterdomainclaims") for verb in ("create", "delete", "get", "patch")}
    assert allowed == {("create", "namespaces"), ("get", "namespaces"), ("create", "rolebindings"), *claims}


def test_the_account_can_review_its_access(deploy: httpx.Client) -> None:
    namespace_name, _ = application(deploy)
    for namespace, expected in ((namespace_name, True), ("capsule", False)):
        review = {"spec": {"resourceAttributes": {"namespace": namespace, "verb": "create", "group": "batch", "resource": "jobs"}}}
        answer = deploy.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", json=review)
        assert answer.json()["status"] == {"allowed": expected}


def test_the_roles_do_not_allow_binding_other_roles(deploy: httpx.Client) -> None:
    namespace_name, _ = application(deploy)
    refused = deploy.post(f"/apis/{RBAC}/v1/namespaces/{namespace_name}/rolebindings", json=role_binding("cluster-admin"))
    assert refused.status_code == 403 and "attempting to grant RBAC permissions not currently held" in refused.json()["message"]
