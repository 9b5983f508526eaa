"""ValidatingAdmissionPolicies behave as in Kubernetes: matching, denials and their messages."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from kubernetes import client

from tests.knative.api.conftest import Server, config_map, service
from tests.knative.api.test_access import account, grant

ROOT = "/apis/admissionregistration.k8s.io/v1"
POLICIES, BINDINGS = f"{ROOT}/validatingadmissionpolicies", f"{ROOT}/validatingadmissionpolicybindings"
APPLY = {"Content-Type": "application/apply-patch+yaml"}
MERGE = {"Content-Type": "application/merge-patch+json"}
EVERYTHING = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}
Object = dict[str, Any]


def policy(name: str, *validations: Object | str, **spec: Any) -> Object:
    rules = [{"expression": each} if isinstance(each, str) else each for each in validations]
    constraints = spec.pop("matchConstraints", {"resourceRules": [spec.pop("rule", {**EVERYTHING, "resources": ["configmaps"]})]})
    return {"metadata": {"name": name}, "spec": {"matchConstraints": constraints, "validations": rules, **spec}}


def binding(name: str, **spec: Any) -> Object:
    return {"metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"], **spec}}


Bind = Callable[..., str]


@pytest.fixture
def bind(http: httpx.Client, namespace: str) -> Iterator[Bind]:
    """Returns a function that puts a policy in force in the test's namespace and returns its name."""
    names: list[str] = []

    def bound(*validations: Object | str, matchResources: Object | None = None, **spec: Any) -> str:
        name = f"p-{uuid.uuid4().hex[:8]}"
        names.append(name)
        assert (response := http.post(POLICIES, json=policy(name, *validations, **spec))).status_code == 201, response.text
        here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
        assert (
            response := http.post(BINDINGS, json=binding(name, matchResources=here if matchResources is None else matchResources))
        ).status_code == 201
        return name

    yield bound
    for name in names:
        assert http.delete(f"{BINDINGS}/{name}").status_code == 200
        assert http.delete(f"{POLICIES}/{name}").status_code == 200


def maps(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps"


# -- messages ---------------------------------------------------------------------------------------------------------


def test_a_denial_has_the_message_of_kubernetes(http: httpx.Client, bind: Bind, namespace: str) -> None:
    name = bind({"expression": "object.data.level != 'high'", "message": "too high"})
    refused = http.post(maps(namespace), json=config_map("a", level="high"))
    message = f"ValidatingAdmissionPolicy '{name}' with binding '{name}' denied request: too high"
    assert refused.json() == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 422, "reason": "Invalid",
        "message": f'configmaps "a" is forbidden: {message}',
        "details": {"group": "", "kind": "configmaps", "name": "a", "causes": [{"message": message}]},
    }  # fmt: skip
    assert refused.status_code == 422
    assert http.get(f"{maps(namespace)}/a").status_code == 404
    assert http.post(maps(namespace), json=config_map("a", level="low")).status_code == 201


@pytest.mark.parametrize(("reason", "code"), [("Forbidden", 403), ("Unauthorized", 401), ("Invalid", 422), ("RequestEntityTooLarge", 413)])
def test_the_reason_decides_the_code(http: httpx.Client, bind: Bind, namespace: str, reason: str, code: int) -> None:
    bind({"expression": "1 > 2", "reason": reason})
    refused = http.post(maps(namespace), json=config_map("a"))
    assert (refused.status_code, refused.json()["code"], refused.json()["reason"]) == (code, code, reason)
    assert refused.json()["message"].endswith("denied request: failed expression: 1 > 2")


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"messageExpression": "'not ' + object.metadata.name"}, "not a"),
        ({"messageExpression": "'not ' + object.metadata.nothing", "message": "the other"}, "the other"),
        ({"messageExpression": r"'two\nlines'", "message": "one line"}, "one line"),
        ({"messageExpression": "'  '"}, "failed expression: 1 > 2"),
    ],
)
def test_a_message_can_be_an_expression(http: httpx.Client, bind: Bind, namespace: str, extra: Object, message: str) -> None:
    bind({"expression": " 1 > 2 ", **extra})
    assert http.post(maps(namespace), json=config_map("a")).json()["message"].endswith(f"denied request: {message}")


def test_evaluation_errors_deny_unless_the_failure_policy_is_ignore(http: httpx.Client, bind: Bind, namespace: str) -> None:
    wrong = "object.data.missing == 'x'"
    bind(wrong, failurePolicy="Ignore")
    assert http.post(maps(namespace), json=config_map("a", k="v")).status_code == 201
    bind(wrong)
    refused = http.post(maps(namespace), json=config_map("b", k="v"))
    assert (refused.status_code, refused.json()["reason"]) == (422, "Invalid")
    assert f"denied request: expression '{wrong}' resulted in error: " in refused.json()["message"]


def test_the_failure_policy_ignore_does_not_affect_denials(http: httpx.Client, bind: Bind, namespace: str) -> None:
    bind("object.data.missing == 'x'", "1 > 2", failurePolicy="Ignore")
    assert http.post(maps(namespace), json=config_map("a", k="v")).json()["message"].endswith("failed expression: 1 > 2")


# -- requests ---------------------------------------------------------------------------------------------------------


def test_policies_apply_to_every_kind_of_write(server: Server, http: httpx.Client, bind: Bind, namespace: str) -> None:
    path = maps(namespace)
    assert http.post(path, json=config_map("there", k="v")).status_code == 201
    bind("1 > 2")
    applied = {"apiVersion": "v1", **config_map("new")}
    writes = {
        "create": http.post(path, json=config_map("new")),
        "generate": http.post(path, json={"metadata": {"generateName": "new-"}}),
        "dry run": http.post(path, params={"dryRun": "All"}, json=config_map("new")),
        "apply anew": http.patch(f"{path}/new", params={"fieldManager": "t"}, headers=APPLY, json=applied),
        "apply over": http.patch(f"{path}/there", params={"fieldManager": "t"}, headers=APPLY, json={**applied, **config_map("there", k="v")}),
        "update": http.put(f"{path}/there", json=config_map("there", k="w")),
        "update of nothing": http.put(f"{path}/there", json=config_map("there", k="v")),
        "merge": http.patch(f"{path}/there", headers=MERGE, json={"data": {"k": "w"}}),
        "strategic": http.patch(f"{path}/there", headers={"Content-Type": "application/strategic-merge-patch+json"}, json={"data": {"k": "w"}}),
        "json patch": http.patch(
            f"{path}/there", headers={"Content-Type": "application/json-patch+json"}, json=[{"op": "remove", "path": "/data/k"}]
        ),
        "delete": http.delete(f"{path}/there"),
        "dry delete": http.delete(f"{path}/there", params={"dryRun": "All"}),
        "delete all": http.delete(path),
    }
    assert {name: answer.status_code for name, answer in writes.items()} == dict.fromkeys(writes, 422)
    assert http.get(f"{path}/there").json()["data"] == {"k": "v"}
    assert [each["metadata"]["name"] for each in http.get(path).json()["items"]] == ["there"]


def test_policies_apply_to_subresources_that_a_rule_names(http: httpx.Client, core: client.CoreV1Api, bind: Bind, namespace: str) -> None:
    core.create_namespaced_service_account(namespace, {"metadata": {"name": "robot"}})
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/robot/token"
    bind("1 > 2", rule={**EVERYTHING, "resources": ["serviceaccounts"]})
    assert http.post(path, json={"spec": {"audiences": []}}).status_code == 201
    bind("request.subResource == 'token' && object.kind == 'Nothing'", rule={**EVERYTHING, "resources": ["*/token"]})
    assert http.post(path, json={"spec": {"audiences": []}}).status_code == 422


def test_a_status_write_is_matched_as_a_subresource(http: httpx.Client, bind: Bind, namespace: str) -> None:
    root = f"/apis/serving.knative.dev/v1/namespaces/{namespace}/services"
    assert http.post(root, json=service("s", namespace)).status_code == 201
    bind("object.status.url == oldObject.metadata.name", rule={**EVERYTHING, "resources": ["services/status"]})
    patch = {"status": {"url": "http://elsewhere"}}
    assert http.patch(f"{root}/s/status", headers=MERGE, json=patch).status_code == 422
    assert http.patch(f"{root}/s", headers=MERGE, json={"metadata": {"labels": {"a": "b"}}}).status_code == 200


def test_expressions_have_the_request_both_objects_and_the_namespace(
    server: Server, api: client.ApiClient, core: client.CoreV1Api, bind: Bind, namespace: str
) -> None:
    expressions = {
        "CREATE": f"oldObject == null && object.data.k == 'v' && request.name == 'a' && request.namespace == '{namespace}'",
        "UPDATE": "object.data.k == 'w' && oldObject.data.k == 'v' && oldObject.metadata.uid == object.metadata.uid",
        "DELETE": "object == null && oldObject.data.k == 'w' && request.options.propagationPolicy == 'Background'",
    }
    cases = " || ".join(f"(request.operation == '{operation}' && {what})" for operation, what in expressions.items())
    bind(
        f"request.resource.resource == 'configmaps' && request.kind.kind == 'ConfigMap' && !has(request.subResource) && ({cases})",
        f"request.userInfo.username == 'system:serviceaccount:{namespace}:robot' && 'system:serviceaccounts' in request.userInfo.groups",
        f"namespaceObject.metadata.name == '{namespace}' && namespaceObject.metadata.labels['kubernetes.io/metadata.name'] == '{namespace}'",
    )
    with server.http(token=account(core, namespace)) as robot:
        grant(api, namespace, {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "update", "delete"]})
        path = maps(namespace)
        assert (response := robot.post(path, json=config_map("a", k="v"))).status_code == 201, response.text
        assert (response := robot.put(f"{path}/a", json=config_map("a", k="w"))).status_code == 200, response.text
        assert (gone := robot.delete(f"{path}/a")).status_code == 200, gone.text


def test_authorization_precedes_policies(server: Server, core: client.CoreV1Api, bind: Bind, namespace: str) -> None:
    bind("1 > 2")
    with server.http(token=account(core, namespace)) as robot:
        refused = robot.post(maps(namespace), json=config_map("a"))
        assert refused.status_code == 403 and "cannot create resource" in refused.json()["message"]


# -- matching ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        ({"resources": ["configmaps"]}, True),
        ({"resources": ["*"]}, True),
        ({"resources": ["secrets"]}, False),
        ({"resources": ["configmaps/*"]}, True),
        ({"resources": ["configmaps/status"]}, False),
        ({"resources": ["*/status"]}, False),
        ({"apiGroups": [""]}, True),
        ({"apiGroups": ["apps"]}, False),
        ({"apiVersions": ["v1beta1"]}, False),
        ({"operations": ["CREATE"]}, True),
        ({"operations": ["UPDATE", "DELETE", "CONNECT"]}, False),
        ({"scope": "Namespaced"}, True),
        ({"scope": "Cluster"}, False),
        ({"resourceNames": ["a"]}, True),
        ({"resourceNames": ["b"]}, False),
    ],
)
def test_a_rule_matches_if_all_its_parts_match(http: httpx.Client, bind: Bind, namespace: str, rule: Object, matches: bool) -> None:
    bind("1 > 2", rule={**EVERYTHING, **rule})
    assert http.post(maps(namespace), json=config_map("a")).status_code == (422 if matches else 201)


def test_excluded_resources_do_not_match(http: httpx.Client, bind: Bind, namespace: str) -> None:
    excluded = {**EVERYTHING, "resources": ["configmaps"], "resourceNames": ["free"]}
    bind("1 > 2", matchConstraints={"resourceRules": [EVERYTHING], "excludeResourceRules": [excluded]})
    assert http.post(maps(namespace), json=config_map("free")).status_code == 201
    assert http.post(maps(namespace), json=config_map("a")).status_code == 422


def test_an_object_selector_matches_the_old_or_the_new_object(http: httpx.Client, bind: Bind, namespace: str) -> None:
    path, labelled = maps(namespace), {"metadata": {"name": "b", "labels": {"guarded": "yes"}}}
    assert http.post(path, json=config_map("a")).status_code == 201 and http.post(path, json=labelled).status_code == 201
    constraints = {"resourceRules": [EVERYTHING], "objectSelector": {"matchExpressions": [{"key": "guarded", "operator": "In", "values": ["yes"]}]}}
    bind("1 > 2", matchConstraints=constraints)
    assert http.patch(f"{path}/a", headers=MERGE, json={"data": {"k": "v"}}).status_code == 200
    assert http.patch(f"{path}/a", headers=MERGE, json={"metadata": {"labels": {"guarded": "yes"}}}).status_code == 422
    assert http.patch(f"{path}/b", headers=MERGE, json={"metadata": {"labels": {"guarded": None}}}).status_code == 422
    assert http.delete(f"{path}/b").status_code == 422


def test_a_namespace_is_matched_by_its_new_labels_and_its_deletion_by_the_old(http: httpx.Client, bind: Bind) -> None:
    name = f"n-{uuid.uuid4().hex[:8]}"
    assert http.post("/api/v1/namespaces", json={"metadata": {"name": name, "labels": {"t": name}}}).status_code == 201
    bind("1 > 2", rule=EVERYTHING, matchResources={"namespaceSelector": {"matchLabels": {"t": name}}})
    assert http.post("/api/v1/namespaces", json={"metadata": {"name": f"{name}-b", "labels": {"t": name}}}).status_code == 422
    assert http.patch(f"/api/v1/namespaces/{name}", headers=MERGE, json={"metadata": {"annotations": {"a": "b"}}}).status_code == 422
    assert http.delete(f"/api/v1/namespaces/{name}").status_code == 422
    assert http.patch(f"/api/v1/namespaces/{name}", headers=MERGE, json={"metadata": {"labels": {"t": None}}}).status_code == 200
    assert http.delete(f"/api/v1/namespaces/{name}").status_code == 200


def test_a_false_match_condition_hides_errors_of_others(http: httpx.Client, bind: Bind, namespace: str) -> None:
    wrong, no, yes = (
        {"name": "wrong", "expression": "object.data.missing == 'x'"},
        {"name": "no", "expression": "object.metadata.name == 'b'"},
        {"name": "yes", "expression": "object.metadata.name == 'c'"},
    )
    bind("1 > 2", matchConditions=[wrong, no])
    assert http.post(maps(namespace), json=config_map("a", k="v")).status_code == 201
    assert "resulted in error" in http.post(maps(namespace), json=config_map("b", k="v")).json()["message"]
    bind("1 > 2", matchConditions=[yes])
    assert http.post(maps(namespace), json=config_map("c", k="v")).json()["message"].endswith("failed expression: 1 > 2")


def test_a_policy_applies_only_while_it_has_a_binding(http: httpx.Client, namespace: str) -> None:
    name = f"p-{uuid.uuid4().hex[:8]}"
    own = policy(name, "1 > 2", matchConditions=[{"name": "here", "expression": f"request.namespace == '{namespace}'"}])
    assert http.post(POLICIES, json=own).status_code == 201
    assert http.post(maps(namespace), json=config_map("a")).status_code == 201
    assert http.post(BINDINGS, json=binding(name)).status_code == 201
    assert http.post(maps(namespace), json=config_map("b")).status_code == 422
    changed = {"spec": {"validations": [{"expression": "2 > 1"}]}}
    assert http.patch(f"{POLICIES}/{name}", headers=MERGE, json=changed).status_code == 200
    assert http.post(maps(namespace), json=config_map("b")).status_code == 201
    assert http.patch(f"{POLICIES}/{name}", headers=MERGE, json={"spec": own["spec"]}).status_code == 200
    assert http.post(maps(namespace), json=config_map("c")).status_code == 422
    assert http.delete(f"{BINDINGS}/{name}").status_code == 200
    assert http.post(maps(namespace), json=config_map("c")).status_code == 201
    assert http.delete(f"{POLICIES}/{name}").status_code == 200


def test_policies_do_not_apply_to_policies(own_server: Server) -> None:
    with own_server.http() as http:
        assert http.post(POLICIES, json=policy("all", "1 > 2", rule=EVERYTHING)).status_code == 201
        assert http.post(BINDINGS, json=binding("all")).status_code == 201
        assert http.post("/api/v1/namespaces", json={"metadata": {"name": "x"}}).status_code == 422
        own_server.stop()
        own_server.start()
        assert http.post("/api/v1/namespaces", json={"metadata": {"name": "x"}}).status_code == 422, "the policy is still in force after a restart"
        assert http.delete(f"{BINDINGS}/all").status_code == 200
        assert http.post("/api/v1/namespaces", json={"metadata": {"name": "x"}}).status_code == 201
