"""Invalid ValidatingAdmissionPolicies and bindings are refused with the field and the reason."""

import uuid

import httpx
import pytest
from kubernetes import client

from tests.knative.api.conftest import Server
from tests.knative.api.test_access import account
from tests.knative.api.test_policies import BINDINGS, EVERYTHING, MERGE, POLICIES, Object, binding, policy

NO_VALUES = {"key": "a", "operator": "In"}
CONDITION = {"name": "c", "expression": "1 > 2"}
REFUSED: dict[str, tuple[Object, str, str]] = {
    "syntax": (policy("p", "1 +"), "spec.validations[0].expression", "compilation failed"),
    "an unknown variable": (policy("p", "subject.name == 'x'"), "spec.validations[0].expression", "undeclared reference to 'subject"),
    "parameters": (policy("p", "params.x == 1"), "spec.validations[0].expression", "undeclared reference to 'params"),
    "the authorizer": (policy("p", "authorizer.group('').check('get')"), "spec.validations[0].expression", "undeclared reference to 'authorizer"),
    "Kubernetes' libraries": (policy("p", "quantity('1Gi') == quantity('1Gi')"), "spec.validations[0].expression", "undeclared reference"),
    "optional types": (policy("p", "object.?data.hasValue()"), "spec.validations[0].expression", "unsupported syntax"),
    "no truth value": (policy("p", "1 + 1"), "spec.validations[0].expression", "must evaluate to bool"),
    "a field's truth value": (policy("p", "object.immutable"), "spec.validations[0].expression", "must evaluate to bool"),
    "a message that is none": (policy("p", {"expression": "true", "messageExpression": "1"}), "spec.validations[0].messageExpression", "string"),
    "a message of lines": (policy("p", {"expression": "true", "message": "a\nb"}), "spec.validations[0].message", "one line"),
    "a bad condition": (policy("p", "true", matchConditions=[{"name": "c", "expression": "("}]), "spec.matchConditions[0].expression", "failed"),
    "two conditions of a name": (policy("p", "true", matchConditions=[CONDITION, CONDITION]), "spec.matchConditions[1].name", "Duplicate value"),
    "no validations": (policy("p"), "spec.validations", "Required value"),
    "no rules": (policy("p", "true", matchConstraints={}), "spec.matchConstraints.resourceRules", "Required value"),
    "a star with others": (policy("p", "true", rule={**EVERYTHING, "operations": ["*", "CREATE"]}), "operations", "must not specify other values"),
    "an operation that is none": (policy("p", "true", rule={**EVERYTHING, "operations": ["READ"]}), "operations", "READ"),
    "a reason that is none": (policy("p", {"expression": "true", "reason": "Bored"}), "spec.validations[0].reason", "Bored"),
    "paramKind": (policy("p", "true", paramKind={"apiVersion": "v1", "kind": "ConfigMap"}), "spec.paramKind", "not supported"),
    "variables": (policy("p", "true", variables=[{"name": "x", "expression": "1"}]), "spec.variables", "not supported"),
    "audit annotations": (policy("p", "true", auditAnnotations=[{"key": "k", "valueExpression": "'v'"}]), "spec.auditAnnotations", "not supported"),
    "a broken selector": (
        policy("p", "true", matchConstraints={"resourceRules": [EVERYTHING], "objectSelector": {"matchExpressions": [NO_VALUES]}}),
        "spec.matchConstraints.objectSelector", "values must be specified",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_an_invalid_policy_is_refused(http: httpx.Client, what: str) -> None:
    object, field, message = REFUSED[what]
    refused = http.post(POLICIES, json=object)
    assert (refused.status_code, refused.json()["reason"]) == (422, "Invalid"), refused.text
    (cause,) = refused.json()["details"]["causes"]
    assert field in cause["field"] and message in cause["message"]
    assert http.get(f"{POLICIES}/p").status_code == 404


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"validationActions": ["Warn"]}, "spec.validationActions[0]"),
        ({"validationActions": ["Deny", "Audit"]}, "spec.validationActions[1]"),
        ({"paramRef": {"name": "x"}}, "spec.paramRef"),
        (
            {"matchResources": {"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "NotIn"}]}}},
            "spec.matchResources.namespaceSelector",
        ),
    ],
)
def test_an_invalid_binding_is_refused(http: httpx.Client, spec: Object, field: str) -> None:
    refused = http.post(BINDINGS, json=binding("p", **spec))
    assert refused.status_code == 422 and field in refused.json()["message"]
    assert http.get(f"{BINDINGS}/p").status_code == 404


def test_an_update_to_an_invalid_policy_is_refused(http: httpx.Client) -> None:
    name = f"p-{uuid.uuid4().hex[:8]}"
    assert http.post(POLICIES, json=policy(name, "true")).status_code == 201
    patch = {"spec": {"validations": [{"expression": "1 +"}]}}
    assert http.patch(f"{POLICIES}/{name}", headers=MERGE, json=patch).status_code == 422
    assert http.delete(f"{POLICIES}/{name}").status_code == 200


def test_only_administrators_write_policies(server: Server, api: client.ApiClient, core: client.CoreV1Api, namespace: str) -> None:
    rbac = client.RbacAuthorizationV1Api(api)
    with server.http(token=account(core, namespace)) as robot:
        subject = {"kind": "ServiceAccount", "name": "robot", "namespace": namespace}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"}
        rbac.create_cluster_role_binding({"metadata": {"name": f"a-{namespace}"}, "roleRef": reference, "subjects": [subject]})
        assert robot.post(POLICIES, json=policy("p", "true")).status_code == 403
        assert robot.delete(BINDINGS).status_code == 403
