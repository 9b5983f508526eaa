"""Authentication and authorization: missing and forged tokens, ServiceAccounts with roles and bindings, privilege escalation."""

from typing import Any

import httpx
import pytest
from kubernetes import client
from kubernetes.client import ApiException

from knative.local.settings import Settings
from knative.local.tokens import Tokens
from tests.knative.api.conftest import Server, config_map

RBAC = "rbac.authorization.k8s.io"


def account(core: client.CoreV1Api, namespace: str, name: str = "robot") -> str:
    """Create a ServiceAccount and return a token of it."""
    core.create_namespaced_service_account(namespace, {"metadata": {"name": name}})
    token_request = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=600))
    return str(core.create_namespaced_service_account_token(name, namespace, token_request).status.token)


def grant(api: client.ApiClient, namespace: str, *rules: dict[str, Any], name: str = "robot") -> None:
    rbac = client.RbacAuthorizationV1Api(api)
    rbac.create_namespaced_role(namespace, {"metadata": {"name": name}, "rules": list(rules)})
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    reference = {"apiGroup": RBAC, "kind": "Role", "name": name}
    rbac.create_namespaced_role_binding(namespace, {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]})


@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Bearer e30.e30.e30", "Basic YWRtaW46YWRtaW4=", "Bearer"])
def test_requests_without_a_valid_token_are_unauthorized(server: Server, header: str | None) -> None:
    with server.http(token="") as http:
        for path in ("/api/v1/secrets", "/apis", "/version", "/openapi/v3"):
            answer = http.get(path, headers={"Authorization": header} if header else {})
            assert (answer.status_code, answer.json()["reason"]) == (401, "Unauthorized")
        assert http.get("/readyz").text == "ok"


def test_an_account_may_do_what_its_role_allows(server: Server, api: client.ApiClient, core: client.CoreV1Api, namespace: str) -> None:
    with server.http(token=account(core, namespace)) as robot:
        path = f"/api/v1/namespaces/{namespace}/configmaps"
        refused = robot.get(path)
        assert (refused.status_code, refused.json()["reason"]) == (403, "Forbidden")
        user = f'User "system:serviceaccount:{namespace}:robot"'
        assert f'{user} cannot list resource "configmaps" in API group "" in the namespace "{namespace}"' in refused.json()["message"]
        grant(api, namespace, {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "create"]})
        assert robot.post(path, json=config_map("a")).status_code == 201
        assert robot.get(path).status_code == 200 and robot.get(f"{path}/a").status_code == 200
        assert robot.delete(f"{path}/a").status_code == 403
        assert robot.get(path, params={"watch": "true"}).status_code == 403
        assert robot.get("/api/v1/namespaces/default/configmaps").status_code == 403
        assert robot.get("/api/v1/configmaps").status_code == 403


def test_a_role_may_be_limited_to_objects_and_subresources(server: Server, api: client.ApiClient, core: client.CoreV1Api, namespace: str) -> None:
    for name in ("mine", "theirs"):
        core.create_namespaced_secret(namespace, {"metadata": {"name": name}})
    with server.http(token=account(core, namespace)) as robot:
        grant(api, namespace, {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["mine"], "verbs": ["get"]})
        path = f"/api/v1/namespaces/{namespace}/secrets"
        assert [robot.get(f"{path}/{name}").status_code for name in ("mine", "theirs")] == [200, 403]
        assert robot.get(path).status_code == 403
        assert robot.get(f"/api/v1/namespaces/{namespace}/pods/x/log").status_code == 403


def test_a_cluster_role_binding_applies_to_all_namespaces(server: Server, api: client.ApiClient, core: client.CoreV1Api, namespace: str) -> None:
    rbac = client.RbacAuthorizationV1Api(api)
    subject = {"kind": "ServiceAccount", "name": "robot", "namespace": namespace}
    reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"}
    with server.http(token=account(core, namespace)) as robot:
        rbac.create_namespaced_role_binding(namespace, {"metadata": {"name": "v"}, "roleRef": reference, "subjects": [subject]})
        assert robot.get(f"/api/v1/namespaces/{namespace}/pods").status_code == 200
        assert robot.get("/api/v1/pods").status_code == 403
        rbac.create_cluster_role_binding({"metadata": {"name": f"v-{namespace}"}, "roleRef": reference, "subjects": [subject]})
        assert robot.get("/api/v1/pods").status_code == 200
        assert robot.get("/api/v1/secrets").status_code == 403


def test_applying_a_new_object_needs_permission_to_create(server: Server, api: client.ApiClient, core: client.CoreV1Api, namespace: str) -> None:
    with server.http(token=account(core, namespace)) as robot:
        grant(api, namespace, {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["patch"]})
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}}
        path, header = f"/api/v1/namespaces/{namespace}/configmaps/a?fieldManager=robot", {"Content-Type": "application/apply-patch+yaml"}
        assert robot.patch(path, headers=header, json=body).status_code == 403
        core.create_namespaced_config_map(namespace, config_map("a"))
        assert robot.patch(path, headers=header, json=body).status_code == 200


def test_roles_and_bindings_cannot_grant_more_than_their_writer_has(
    server: Server, api: client.ApiClient, core: client.CoreV1Api, namespace: str
) -> None:
    everything = {"apiGroups": [RBAC], "resources": ["roles", "rolebindings"], "verbs": ["create", "get", "patch", "update"]}
    own = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
    with server.http(token=account(core, namespace)) as robot:
        grant(api, namespace, everything, own)
        root = f"/apis/{RBAC}/v1/namespaces/{namespace}"
        assert robot.post(f"{root}/roles", json={"metadata": {"name": "less"}, "rules": [own]}).status_code == 201
        more = {"metadata": {"name": "more"}, "rules": [{**own, "resources": ["secrets"]}]}
        assert robot.post(f"{root}/roles", json=more).status_code == 403
        header = {"Content-Type": "application/merge-patch+json"}
        assert robot.patch(f"{root}/roles/less", headers=header, json={"rules": more["rules"]}).status_code == 403
        subject = [{"kind": "ServiceAccount", "name": "robot", "namespace": namespace}]
        admin = {"metadata": {"name": "up"}, "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}, "subjects": subject}
        assert robot.post(f"{root}/rolebindings", json=admin).status_code == 403


def test_a_token_is_revoked_with_its_account(server: Server, core: client.CoreV1Api, namespace: str) -> None:
    token = account(core, namespace)
    with server.http(token=token) as robot:
        assert robot.get("/version").status_code == 200
        core.delete_namespaced_service_account("robot", namespace)
        assert robot.get("/version").status_code == 401
        assert account(core, namespace) != token
        assert robot.get("/version").status_code == 401


def test_a_token_of_a_pod_is_revoked_with_the_pod(own_server: Server) -> None:
    own_server.stop()
    store = own_server.store()
    robot = store.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot", "namespace": "default"}})
    pod = store.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "default"}, "spec": {"containers": []}})
    settings = Settings(own_server.home, own_server.offset, "")
    token, _ = Tokens(store, settings.state / "tls").issue(robot, 600, pod)
    store.close()
    own_server.start()
    with own_server.client() as api, own_server.http(token=token) as http:
        assert http.get("/version").status_code == 200
        client.CoreV1Api(api).delete_namespaced_pod("p", "default")
        assert http.get("/version").status_code == 401


def test_an_expired_token_is_rejected(server: Server, core: client.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_service_account(namespace, {"metadata": {"name": "robot"}})
    token_request = {"spec": {"expirationSeconds": -5, "audiences": []}}
    token = core.create_namespaced_service_account_token("robot", namespace, token_request).status.token
    with server.http(token=token) as http:
        assert http.get("/version").status_code == 401


def test_self_subject_access_review(http: httpx.Client) -> None:
    review = {"spec": {"resourceAttributes": {"verb": "create", "group": "batch", "resource": "jobs", "namespace": "default"}}}
    assert http.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", json=review).json()["status"] == {"allowed": True}


def test_the_administrator_s_kubeconfig_stays_valid_after_a_restart(own_server: Server) -> None:
    before = own_server.kubeconfig.read_text()
    own_server.stop()
    own_server.start()
    assert own_server.kubeconfig.read_text() == before
    with own_server.client() as api:
        assert client.VersionApi(api).get_code().major == "1"
        with pytest.raises(ApiException) as error:
            client.CoreV1Api(api).read_namespace("nowhere")
        assert error.value.status == 404
