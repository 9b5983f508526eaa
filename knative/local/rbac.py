"""Kubernetes' role-based access control over roles and bindings: those in the store, or in manifests.

Everything that is not granted is refused. Nobody can grant what they do not have: writing a role needs its permissions
or the verb `escalate`, writing a binding needs the permissions of its role or the verb `bind`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from knative.local.objects import Object
from knative.local.tokens import Identity

GROUP = "rbac.authorization.k8s.io"
ROLE, CLUSTER_ROLE = f"Role.{GROUP}", f"ClusterRole.{GROUP}"
ROLE_BINDING, CLUSTER_ROLE_BINDING = f"RoleBinding.{GROUP}", f"ClusterRoleBinding.{GROUP}"

READ, WRITE = ["get", "list", "watch"], ["create", "delete", "deletecollection", "patch", "update"]
KNATIVE = ["serving.knative.dev", "eventing.knative.dev", "sources.knative.dev", "rabbitmq.com"]

CLUSTER_ROLES: Mapping[str, list[Object]] = {
    "cluster-admin": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}, {"nonResourceURLs": ["*"], "verbs": ["*"]}],
    "admin": [
        {"apiGroups": ["", "apps", "batch", *KNATIVE], "resources": ["*"], "verbs": [*READ, *WRITE]},
        {"apiGroups": [GROUP], "resources": ["roles", "rolebindings"], "verbs": [*READ, *WRITE]},
    ],
    "edit": [
        {"apiGroups": ["apps", "batch", *KNATIVE], "resources": ["*"], "verbs": [*READ, *WRITE]},
        {"apiGroups": [""], "resources": ["configmaps", "events", "pods", "secrets", "serviceaccounts", "services"], "verbs": [*READ, *WRITE]},
        {"apiGroups": [""], "resources": ["pods/log", "namespaces", "resourcequotas", "limitranges"], "verbs": READ},
        {"apiGroups": [""], "resources": ["pods/attach"], "verbs": [*READ, *WRITE]},
    ],
    "view": [
        {"apiGroups": ["apps", "batch", *KNATIVE], "resources": ["*"], "verbs": READ},
        {"apiGroups": [""], "resources": ["configmaps", "events", "pods", "pods/log", "services", "serviceaccounts"], "verbs": READ},
        {"apiGroups": [""], "resources": ["namespaces", "resourcequotas", "limitranges"], "verbs": READ},
    ],
}
"""The cluster roles that every Kubernetes cluster has."""


@dataclass(frozen=True)
class Attempt:
    verb: str
    group: str
    resource: str
    """With its subresource: `pods/log`."""
    namespace: str | None = None
    name: str = ""


class Roles(Protocol):
    """Where roles and bindings are."""

    def find(self, kind: str, namespace: str | None, name: str, /) -> Object | None: ...

    def list(self, kind: str, namespace: str | None = None, /) -> list[Object]: ...


class Authorizer:
    def __init__(self, store: Roles) -> None:
        self._store = store

    def allows(self, identity: Identity, attempt: Attempt) -> bool:
        return identity.is_administrator or any(_grants(rule, attempt) for rule in self._rules(identity, attempt.namespace))

    def may_grant(self, identity: Identity, rules: Iterable[Object], namespace: str | None) -> bool:
        """Return whether the caller has every permission in these rules."""
        if identity.is_administrator:
            return True
        own = list(self._rules(identity, namespace))
        return all(any(_grants(rule, attempt) for rule in own) for granted in rules for attempt in _attempts(granted, namespace))

    def rules_of(self, reference: Object, namespace: str | None) -> list[Object]:
        """Return the rules of the role that a roleRef names; none when it does not exist."""
        role = (
            self._store.find(ROLE, namespace, reference["name"]) if reference["kind"] == "Role"
            else self._store.find(CLUSTER_ROLE, None, reference["name"])
        )  # fmt: skip
        return list((role or {}).get("rules") or ())

    def _rules(self, identity: Identity, namespace: str | None) -> Iterator[Object]:
        bindings = self._store.list(CLUSTER_ROLE_BINDING)
        if namespace:
            bindings += self._store.list(ROLE_BINDING, namespace)
        for binding in bindings:
            if any(_is_subject(identity, subject, binding) for subject in binding.get("subjects") or ()):
                yield from self.rules_of(binding["roleRef"], binding["metadata"].get("namespace"))


def _is_subject(identity: Identity, subject: Object, binding: Object) -> bool:
    if subject["kind"] == "Group":
        return subject["name"] in identity.groups
    if subject["kind"] == "User":
        return bool(subject["name"] == identity.name)
    namespace = subject.get("namespace") or binding["metadata"].get("namespace")
    return identity.name == f"system:serviceaccount:{namespace}:{subject['name']}"


def _grants(rule: Object, attempt: Attempt) -> bool:
    names = rule.get("resourceNames") or ()
    return (
        _contains(rule.get("verbs"), attempt.verb)
        and _contains(rule.get("apiGroups"), attempt.group)
        and _covers(rule.get("resources") or (), attempt.resource)
        and (not names or attempt.name in names)
    )


def _covers(resources: Iterable[str], resource: str) -> bool:
    main, _, sub = resource.partition("/")
    return any(each in ("*", resource) or (sub and each == f"*/{sub}") or (main == "*" and each == "*") for each in resources)


def _contains(words: Iterable[str] | None, word: str) -> bool:
    return any(each in ("*", word) for each in words or ())


def _attempts(rule: Object, namespace: str | None) -> Iterator[Attempt]:
    for group in rule.get("apiGroups") or ():
        for resource in rule.get("resources") or ():
            for verb in rule.get("verbs") or ():
                attempt = Attempt(verb, group, resource, namespace)
                yield from (replace(attempt, name=name) for name in rule.get("resourceNames") or [""])
