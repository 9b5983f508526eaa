"""ValidatingAdmissionPolicies: a write is denied unless each policy that is bound and matches it holds.

After Kubernetes' plugin (apiserver/pkg/admission/plugin/policy: matching/matching.go, validating/validator.go, validating/dispatcher.go), with its
messages and codes. Evaluated are the writes of clients to stored objects and the tokens of ServiceAccounts; reconcilers write to the store without
admission. Policies are in force from the moment they are stored.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from knative.local.api.expressions import EvaluationError, InvalidExpression, Result, compiled
from knative.local.api.selectors import selector_labels
from knative.local.api.status import Refusal, about
from knative.local.definitions import Definition
from knative.local.objects import Object
from knative.local.store import Store
from knative.local.tokens import Identity

GROUP = "admissionregistration.k8s.io"
POLICY, BINDING = f"ValidatingAdmissionPolicy.{GROUP}", f"ValidatingAdmissionPolicyBinding.{GROUP}"
MAX_MESSAGE_BYTES = 5 * 1024
CODES = {"Unauthorized": 401, "Forbidden": 403, "RequestEntityTooLarge": 413, "Invalid": 422}
OPTIONS = {"CREATE": "CreateOptions", "UPDATE": "UpdateOptions", "DELETE": "DeleteOptions"}


@dataclass(frozen=True)
class Write:
    """A request as admission sees it: what is to be stored and what is stored."""

    operation: Literal["CREATE", "UPDATE", "DELETE"]
    definition: Definition
    identity: Identity
    object: Object | None
    old: Object | None
    subresource: str = ""
    is_dry_run: bool = False
    options: Object = field(default_factory=dict)
    about: Object | None = None
    """The object that names the request if `object` is of another kind, as a TokenRequest is."""

    @property
    def metadata(self) -> Object:
        metadata: Object = (self.about or self.object or self.old or {})["metadata"]
        return metadata

    @property
    def namespace(self) -> str:
        """A Namespace is in itself, as in Kubernetes' attributes."""
        return str(self.metadata["name"] if self.definition.key == "Namespace" else self.metadata.get("namespace") or "")

    @property
    def is_cluster_scoped(self) -> bool:
        return not self.definition.namespaced


@dataclass(frozen=True)
class Denial:
    message: str
    reason: str = "Invalid"


class Policies:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._versions: tuple[int, ...] = ()
        self._bound: list[tuple[Object, list[Object]]] = []

    def admit(self, write: Write) -> None:
        """Raises the Refusal of the first denial, by the names of the policies and bindings."""
        if write.definition.group == GROUP:
            return  # or a policy could keep everybody from mending it
        for policy, bindings in self._current():
            for binding in self._matching(policy, bindings, write):
                for denial in self._denials(policy["spec"], write):
                    names = f"ValidatingAdmissionPolicy '{policy['metadata']['name']}' with binding '{binding['metadata']['name']}'"
                    raise _refusal(write, f"{names} denied request: {denial.message}", denial.reason)

    def _current(self) -> list[tuple[Object, list[Object]]]:
        """Policies with their bindings, read again only after one of them has changed."""
        entries = [entry for kind in (POLICY, BINDING) for entry in self._store.entries(kind)]
        versions = tuple(entry.version for entry in entries)
        if versions != self._versions:
            bindings = self._store.list(BINDING)
            self._bound = [
                (policy, [each for each in bindings if each["spec"]["policyName"] == policy["metadata"]["name"]])
                for policy in self._store.list(POLICY)
            ]
            self._versions = versions
        return self._bound

    def _matching(self, policy: Object, bindings: list[Object], write: Write) -> Iterator[Object]:
        if bindings and self._matches(policy["spec"]["matchConstraints"], write):
            yield from (each for each in bindings if self._matches(each["spec"].get("matchResources") or {}, write))

    def _matches(self, resources: Object, write: Write) -> bool:
        rules = resources.get("resourceRules")
        return (
            self._in_namespace(resources.get("namespaceSelector"), write)
            and _is_selected(resources.get("objectSelector"), write)
            and not any(_covers(rule, write) for rule in resources.get("excludeResourceRules") or ())
            and (not rules or any(_covers(rule, write) for rule in rules))
        )

    def _in_namespace(self, selector: Object | None, write: Write) -> bool:
        """Cluster-scoped objects are never exempt, except Namespaces: those are judged by their own labels, the new ones if there are any."""
        is_namespace = write.definition.key == "Namespace"
        if not selector or (write.is_cluster_scoped and not is_namespace):
            return True
        if is_namespace and not write.subresource and write.object is not None:
            return selector_labels(selector)(write.object["metadata"].get("labels") or {})
        namespace = self._store.find("Namespace", None, write.namespace) or {"metadata": {}}
        return selector_labels(selector)(namespace["metadata"].get("labels") or {})

    def _denials(self, spec: Object, write: Write) -> Iterator[Denial]:
        variables = self._variables(write)
        fails = spec.get("failurePolicy", "Fail") == "Fail"
        try:
            if not _is_met(spec.get("matchConditions") or (), variables):
                return
        except EvaluationError as fault:
            if fails:
                yield Denial(str(fault))
            return
        for validation in spec["validations"]:
            try:
                if not _evaluated(validation["expression"], "bool", variables):
                    yield Denial(_message(validation, variables), validation.get("reason") or "Invalid")
            except EvaluationError as fault:
                if fails:
                    yield Denial(str(fault))

    def _variables(self, write: Write) -> dict[str, Any]:
        namespace = None if write.is_cluster_scoped else self._store.find("Namespace", None, write.namespace)
        return {"request": _request(write), "object": write.object, "oldObject": write.old, "namespaceObject": namespace}


def _is_met(conditions: Iterable[Object], variables: dict[str, Any]) -> bool:
    """A condition that is false decides, whatever errors others have. Raises EvaluationError."""
    error: EvaluationError | None = None
    for condition in conditions:
        try:
            if not _evaluated(condition["expression"], "bool", variables):
                return False
        except EvaluationError as fault:
            error = error or fault
    if error is not None:
        raise error
    return True


def _evaluated(text: str, result: Result, variables: dict[str, Any]) -> Any:
    try:
        return compiled(text, result).evaluate(variables)
    except InvalidExpression as fault:  # stored by a version of this API that could compile it
        raise EvaluationError(f"expression '{text.strip()}': {fault}") from fault


def _message(validation: Object, variables: dict[str, Any]) -> str:
    if "messageExpression" in validation:
        try:
            message = str(_evaluated(validation["messageExpression"], "string", variables)).strip()
        except EvaluationError:
            message = ""  # as in Kubernetes: the denial stands, with its other message
        if message and "\n" not in message and len(message.encode()) <= MAX_MESSAGE_BYTES:
            return message
    return str(validation.get("message") or "").strip() or f"failed expression: {validation['expression'].strip()}"


def _covers(rule: Object, write: Write) -> bool:
    """apiserver/pkg/admission/plugin/webhook/predicates/rules/rules.go"""
    definition, names = write.definition, rule.get("resourceNames") or ()
    scope = rule.get("scope", "*")
    return (
        (scope == "*" or (scope == "Cluster") == write.is_cluster_scoped)
        and _among(rule["operations"], write.operation)
        and _among(rule["apiGroups"], definition.group)
        and _among(rule["apiVersions"], definition.version)
        and any(_is_resource(each, definition.plural, write.subresource) for each in rule["resources"])
        and (not names or write.metadata["name"] in names)
    )


def _among(words: Iterable[str], word: str) -> bool:
    return any(each in ("*", word) for each in words)


def _is_resource(pattern: str, plural: str, subresource: str) -> bool:
    main, _, sub = pattern.partition("/")
    return main in ("*", plural) and sub in ("*", subresource)


def _is_selected(selector: Object | None, write: Write) -> bool:
    if not selector:
        return True
    test = selector_labels(selector)
    return any(test(each.get("metadata", {}).get("labels") or {}) for each in (write.object, write.old) if each is not None)


def _request(write: Write) -> Object:
    """The AdmissionRequest (admission.k8s.io/v1) without its objects; what is empty is absent, as in its JSON."""
    definition, identity = write.definition, write.identity
    kind = {"group": definition.group, "version": definition.version, "kind": (write.object or write.old or {}).get("kind", definition.kind)}
    resource = {"group": definition.group, "version": definition.version, "resource": definition.plural}
    names = {"subResource": write.subresource, "requestSubResource": write.subresource, "namespace": write.namespace}
    return {
        "kind": kind, "requestKind": kind, "resource": resource, "requestResource": resource,
        **{name: value for name, value in names.items() if value},
        "name": write.metadata["name"], "operation": write.operation, "dryRun": write.is_dry_run,
        "userInfo": {"username": identity.name, "groups": list(identity.groups), **({"uid": identity.uid} if identity.uid else {})},
        "options": {"kind": OPTIONS[write.operation], "apiVersion": "meta.k8s.io/v1", **write.options},
    }  # fmt: skip


def _refusal(write: Write, message: str, reason: str) -> Refusal:
    name = str(write.metadata["name"])
    details = {**about(write.definition, name), "causes": [{"message": message}]}
    return Refusal(CODES[reason], reason, f'{write.definition.resource} "{name}" is forbidden: {message}', details)
