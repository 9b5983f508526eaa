"""What the account that deploys may do, as the cluster itself answers (SelfSubjectAccessReview, `kubectl auth can-i`), and what its
admission policies deny of it.

On a cluster without Capsule the suite applies the account's objects of knative/base and deletes them again.
"""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from kubernetes import client
from kubernetes.client.rest import ApiException

from functions.deploy.domain.tenancy import tenancy
from tests.deploy.account import ACCOUNT, NAMESPACE, objects
from tests.knative.conformance.cluster import Cluster, until
from tests.waiting import wait_limit

RBAC = "rbac.authorization.k8s.io"
SYSTEM = ("default", "kube-system", "knative-serving", NAMESPACE)
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
RESOURCES = (
    *(("", each) for each in ("secrets", "configmaps", "pods", "services", "serviceaccounts", "resourcequotas", "persistentvolumeclaims")),
    *(("", "pods", each) for each in ("exec", "log", "attach")),
    *(("batch", each) for each in ("jobs", "cronjobs")),
    *(("apps", each) for each in ("deployments", "daemonsets")),
    *(("serving.knative.dev", each) for each in ("services", "revisions", "domainmappings")),
    *((RBAC, each) for each in ("roles", "rolebindings", "clusterroles", "clusterrolebindings")),
    *(("networking.k8s.io", each) for each in ("networkpolicies",)),
    *(("admissionregistration.k8s.io", each) for each in ("validatingadmissionpolicies",)),
)
OBJECT = dict[str, Any]


@dataclass
class Account:
    """The API as the account sees it, with its own token."""

    cluster: Cluster
    api: client.ApiClient

    def request(self, method: str, path: str, body: OBJECT | None = None, query: str = "") -> tuple[int, OBJECT]:
        return call(self.api, method, f"{path}{query}", body)

    def may(self, verb: str, resource: tuple[str, ...], namespace: str | None) -> bool:
        group, plural, *sub = resource
        attributes = {"verb": verb, "group": group, "resource": plural, **({"subresource": sub[0]} if sub else {})}
        review = {"spec": {"resourceAttributes": {**attributes, **({"namespace": namespace} if namespace else {})}}}
        _, answer = self.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
        return bool(answer["status"]["allowed"])


def call(api: client.ApiClient, method: str, path: str, body: OBJECT | None = None) -> tuple[int, OBJECT]:
    """Return status and document, of errors too."""
    header = {"Content-Type": "application/json", "Accept": "application/json", **api.default_headers}
    for each in api.configuration.auth_settings().values():
        header[each["key"]] = each["value"]
    try:
        response = api.call_api(method, api.configuration.host + path, header, body)
        return response.status, json.loads(response.read() or b"{}")
    except ApiException as error:
        return error.status, json.loads(error.body or "{}")


@pytest.fixture(scope="module")
def account(cluster: Cluster) -> Iterator[Account]:
    admin, made = cluster.api.api_client, []
    with suppress(ApiException):
        client.CoreV1Api(admin).create_namespace({"metadata": {"name": NAMESPACE}})
    for path, each in objects():
        status, answer = call(admin, "POST", path, each)
        assert status in (201, 409), answer  # 409: Capsule is installed
        if status == 201:
            made.append(f"{path}/{each['metadata']['name']}")
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{ACCOUNT}/token"
    _, answer = call(admin, "POST", path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})
    configuration = client.Configuration()
    configuration.host, configuration.ssl_ca_cert = admin.configuration.host, admin.configuration.ssl_ca_cert
    configuration.api_key, configuration.api_key_prefix = {"authorization": answer["status"]["token"]}, {"authorization": "Bearer"}
    yield Account(cluster, client.ApiClient(configuration))
    for each in reversed(made):
        call(admin, "DELETE", each)


@pytest.fixture(scope="module")
def application(account: Account) -> Iterator[str]:
    """The namespace of an application, as the account creates it."""
    namespace, *rest = tenancy(f"x{uuid4().hex[:8]}", uuid4())
    name = namespace["metadata"]["name"]
    until(lambda: account.request("POST", "/api/v1/namespaces", namespace)[0] == 201, failure="the account may not create a namespace")
    for binding in (each for each in rest if each["kind"] == "RoleBinding"):
        status, answer = account.request("POST", f"/apis/{RBAC}/v1/namespaces/{name}/rolebindings", binding)
        assert status == 201, answer
    until(lambda: account.may("create", ("batch", "jobs"), name), failure="the RoleBinding is not in force")
    yield name
    account.request("DELETE", f"/api/v1/namespaces/{name}")


def test_the_account_may_do_nothing_in_namespaces_of_the_platform_and_the_system(account: Account) -> None:
    """Except `create rolebindings`, which a policy denies there (below), and, if Capsule runs there, to list where its functions run."""
    allowed = {
        (verb, resource, namespace) for namespace, resource, verb in product(SYSTEM, RESOURCES, VERBS) if account.may(verb, resource, namespace)
    }
    functions = {("list", ("", "pods"), NAMESPACE), ("list", ("serving.knative.dev", "services"), NAMESPACE)}
    assert allowed - functions == {("create", (RBAC, "rolebindings"), namespace) for namespace in SYSTEM}
    assert not [verb for resource, verb in product(RESOURCES, VERBS) if resource[1] != "rolebindings" and account.may(verb, resource, None)]


def test_the_account_deploys_in_the_namespace_of_an_application(account: Account, application: str) -> None:
    for resource in (("batch", "jobs"), ("serving.knative.dev", "services"), ("", "secrets"), ("networking.k8s.io", "networkpolicies")):
        assert account.may("create", resource, application) and account.may("patch", resource, application), resource
    never = [("get", ("", "secrets")), ("list", ("", "secrets")), ("create", ("", "pods", "exec")), ("create", (RBAC, "roles"))]
    assert [each for each in never if account.may(*each, application)] == []


def test_the_account_binds_itself_in_no_other_namespace(account: Account, application: str) -> None:
    """RBAC cannot express it, so the admission policy does: a policy is in force some time after it was created."""
    binding = next(each for each in tenancy("x", uuid4()) if each["kind"] == "RoleBinding")
    for namespace in SYSTEM:
        path = f"/apis/{RBAC}/v1/namespaces/{namespace}/rolebindings"
        body = {**binding, "metadata": {"name": binding["metadata"]["name"], "namespace": namespace}}
        end = time.monotonic() + wait_limit(30)
        while (answer := account.request("POST", path, body, "?dryRun=All"))[0] == 201 and time.monotonic() < end:
            time.sleep(0.2)
        status, document = answer
        assert status in (403, 404), f"{namespace}: {document}"
        assert status == 404 or "writes only in namespaces of applications" in document["message"]


def test_the_account_grants_no_other_role(account: Account, application: str) -> None:
    binding = next(each for each in tenancy("x", uuid4()) if each["kind"] == "RoleBinding")
    body = {**binding, "metadata": {"name": "mine", "namespace": application}, "roleRef": {**binding["roleRef"], "name": "cluster-admin"}}
    status, document = account.request("POST", f"/apis/{RBAC}/v1/namespaces/{application}/rolebindings", body)
    assert status == 403, document
