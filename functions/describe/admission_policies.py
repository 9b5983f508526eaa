"""Restrict the account that deploys to the namespaces of applications. RBAC cannot express this.

Every application has a namespace, so the account may create Namespaces and RoleBindings in the whole cluster. Two
ValidatingAdmissionPolicies (admissionregistration.k8s.io/v1, Kubernetes 1.30 and newer) deny all its writes outside of
the namespaces of applications. They match every resource, not only those in the account's roles, so a larger role does
not widen them.

The CEL expressions use the subset that Kubernetes and the one-machine API share: no optional types, no extension libraries.
"""

from collections.abc import Mapping

from functions.describe.services import NAMESPACE, Manifest

APPLICATION = "capsule.dev/application"
"""The label of an application's namespace; its value is the application's id."""
POD_SECURITY = "pod-security.kubernetes.io/enforce"
PREFIX = "app-"
DESCRIPTION = f"{PREFIX}* with the label {APPLICATION}"
UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
CLAIMS_GROUP = "networking.internal.knative.dev"
IS_CLAIM = f"(request.resource.group == '{CLAIMS_GROUP}' && request.resource.resource == 'clusterdomainclaims')"
"""Of a ClusterDomainClaim: which namespace may serve a domain."""
EVERYTHING = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}
REVIEWS = {**EVERYTHING, "apiGroups": ["authentication.k8s.io", "authorization.k8s.io"]}
"""Reviews of an account's own permissions. Creating one stores nothing."""


def application_policies(account: str, grants: Mapping[str, str]) -> list[Manifest]:
    """Return both policies and their bindings for an account in the platform's namespace.

    `grants`: the ClusterRoles that it binds, and the account to which it binds each.
    """
    return [
        *_policy(account, f"{account}-objects", "Namespaced", _objects(account, grants)),
        *_policy(account, f"{account}-namespaces", "Cluster", _namespaces(account)),
    ]


def _objects(account: str, grants: Mapping[str, str]) -> list[Manifest]:
    allowed_bindings = " || ".join(f"({_is_binding(role, subject)})" for role, subject in grants.items())
    own_binding = (
        "request.resource.resource == 'rolebindings' && request.operation != 'DELETE'"
        f" && object.roleRef.kind == 'ClusterRole' && has(object.subjects) && ({allowed_bindings})"
    )
    granted = ", ".join(f"the ClusterRole {role} to {subject}" for role, subject in grants.items())
    return [
        _validation(_is_application("namespaceObject"), f"{account} writes only in namespaces of applications: {DESCRIPTION}"),
        _validation(
            f"request.resource.group != 'rbac.authorization.k8s.io' || ({own_binding})",
            f"{account} grants only {granted}",
        ),
    ]


def _namespaces(account: str) -> list[Manifest]:
    labels = "object.metadata.labels"
    new, old = (f"{each}.metadata.labels['{APPLICATION}']" for each in ("object", "oldObject"))
    return [
        _validation(
            f"{IS_CLAIM} || (request.resource.group == '' && request.resource.resource == 'namespaces'"
            " && (!has(request.subResource) || request.subResource == ''))",
            f"{account} writes no cluster-scoped object but Namespaces of applications and ClusterDomainClaims",
        ),
        _validation(
            f"!{IS_CLAIM} || ((request.operation == 'DELETE' || object.spec.namespace.startsWith('{PREFIX}'))"
            f" && (request.operation == 'CREATE' || oldObject.spec.namespace.startsWith('{PREFIX}')))",
            f"a ClusterDomainClaim of {account} is for the namespace of an application, before and after: {PREFIX}*",
        ),
        _validation(
            f"{IS_CLAIM} || request.operation == 'CREATE' || ({_is_application('oldObject')})",
            f"{account} changes and deletes only Namespaces of applications: {DESCRIPTION}",
        ),
        _validation(
            f"{IS_CLAIM} || request.operation == 'DELETE' || ({_is_application('object')} && {new}.matches('{UUID}'))",
            f"a Namespace of {account} is named {PREFIX}* and has the label {APPLICATION} with an application's id",
        ),
        _validation(
            f"{IS_CLAIM} || request.operation != 'UPDATE' || {new} == {old}",
            f"the label {APPLICATION} of a Namespace does not change",
        ),
        _validation(
            f"{IS_CLAIM} || request.operation == 'DELETE' || ('{POD_SECURITY}' in {labels} && {labels}['{POD_SECURITY}'] == 'restricted')",
            f"a Namespace of an application has the label {POD_SECURITY}=restricted",
        ),
    ]


def _is_binding(role: str, account: str) -> str:
    subject = f"s.kind == 'ServiceAccount' && s.name == '{account}' && has(s.namespace) && s.namespace == '{NAMESPACE}'"
    return f"object.roleRef.name == '{role}' && object.subjects.all(s, {subject})"


def _is_application(namespace: str) -> str:
    labels = f"{namespace}.metadata.labels"
    return f"{namespace}.metadata.name.startsWith('{PREFIX}') && has({labels}) && '{APPLICATION}' in {labels}"


def _validation(expression: str, message: str) -> Manifest:
    return {"expression": expression, "message": message, "reason": "Forbidden"}


def _policy(account: str, name: str, scope: str, validations: list[Manifest]) -> list[Manifest]:
    user = f"system:serviceaccount:{NAMESPACE}:{account}"
    excluded = {"excludeResourceRules": [REVIEWS]} if scope == "Cluster" else {}
    return [
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [{**EVERYTHING, "scope": scope}], **excluded},
                "matchConditions": [{"name": "by-the-account", "expression": f"request.userInfo.username == '{user}'"}],
                "validations": validations,
            },
        },
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        },
    ]
