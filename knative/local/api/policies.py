"""ValidatingAdmissionPolicies: deny a write if a validation of a bound and matching policy fails.

Follows Kubernetes' plugin (apiserver/pkg/admission/plugin/policy: matching/matching.go, validating/validator.go,
validating/dispatcher.go), with its messages and codes. Policies apply to writes of clients and to tokens of
ServiceAccounts, from the moment they are stored. Reconcilers write to the store without admission.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from knative.local import label_selectors
from knative.local.api.expressions import EvaluationError, InvalidExpression, Result, compile_expression
from knative.local.api.status import StatusError, target_details
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
    """A write as policies see it. `object`: to be stored. `old`: stored now."""

    operation: Literal["CREATE", "UPDATE", "DELETE"]
    definition: Definition
    identity: Identity
    object: Object | None
    old: Object | None
    subresource: str = ""
    is_dry_run: bool = False
    options: Object = field(default_factory=dict)
    parent: Object | None = None
    """The object whose subresource is written, if `object` is of another kind, such as TokenRequest."""

    @property
    def metadata(self) -> Object:
        metadata: Object = (self.parent or self.object or self.old or {})["metadata"]
        return metadata

    @property
    def namespace(self) -> str:
        """The namespace of the write. A Namespace belongs to itself, as in Kubernetes' admission attributes."""
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
        """Raises StatusError for the first denial, in the order of names of policies and bindings."""
        if write.definition.group == GROUP:
            return  # otherwise a policy could prevent its own correction
        for policy, bindings in self._bound_policies():
            for binding in self._matching(policy, bindings, write):
                for denial in self._denials(policy["spec"], write):
                    names = f"ValidatingAdmissionPolicy '{policy['metadata']['name']}' with binding '{binding['metadata']['name']}'"
                    raise _status_error(write, f"{names} denied request: {denial.message}", denial.reason)

    def _bound_policies(self) -> list[tuple[Object, list[Object]]]:
        """Policies with their bindings, cached until one of them changes."""
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
        """Whether namespaceSelector matches. Cluster-scoped objects always match, except Namespaces: those match by their own labels, if new by the
        new ones."""
        is_namespace = write.definition.key == "Namespace"
        if not selector or (write.is_cluster_scoped and not is_namespace):
            return True
        matches = label_selectors.from_object(selector)
        if is_namespace and not write.subresource and write.object is not None:
            return matches(write.object["metadata"].get("labels") or {})
        namespace = self._store.find("Namespace", None, write.namespace) or {"metadata": {}}
        return matches(namespace["metadata"].get("labels") or {})

    def _denials(self, spec: Object, write: Write) -> Iterator[Denial]:
        variables = self._variables(write)
        denies_errors = spec.get("failurePolicy", "Fail") == "Fail"
        try:
            if not _are_met(spec.get("matchConditions") or (), variables):
                return
        except EvaluationError as error:
            if denies_errors:
                yield Denial(str(error))
            return
        for validation in spec["validations"]:
            try:
                if not _evaluate(validation["expression"], "bool", variables):
                    yield Denial(_message(validation, variables), validation.get("reason") or "Invalid")
            except EvaluationError as error:
                if denies_errors:
                    yield Denial(str(error))

    def _variables(self, write: Write) -> dict[str, Any]:
        namespace = None if write.is_cluster_scoped else self._store.find("Namespace", None, write.namespace)
        return {"request": _request(write), "object": write.object, "oldObject": write.old, "namespaceObject": namespace}


def _are_met(conditions: Iterable[Object], variables: dict[str, Any]) -> bool:
    """Whether all matchConditions are true. A false one decides, even if others raise. Raises EvaluationError."""
    first_error: EvaluationError | None = None
    for condition in conditions:
        try:
            if not _evaluate(condition["expression"], "bool", variables):
                return False
        except EvaluationError as error:
            first_error = first_error or error
    if first_error is not None:
        raise first_error
    return True


def _evaluate(text: str, result: Result, variables: dict[str, Any]) -> Any:
    try:
        return compile_expression(text, result).evaluate(variables)
    except InvalidExpression as error:  # stored by a version of this API that could compile it
        raise EvaluationError(f"expression '{text.strip()}': {error}") from error


def _message(validation: Object, variables: dict[str, Any]) -> str:
    if "messageExpression" in validation:
        try:
            message = str(_evaluate(validation["messageExpression"], "string", variables)).strip()
        except EvaluationError:
            message = ""  # as in Kubernetes, the denial then has the other message
        if message and "\n" not in message and len(message.encode()) <= MAX_MESSAGE_BYTES:
            return message
    return str(validation.get("message") or "").strip() or f"failed expression: {validation['expression'].strip()}"


def _covers(rule: Object, write: Write) -> bool:
    """Whether a resource rule matches (apiserver/pkg/admission/plugin/webhook/predicates/rules/rules.go)."""
    definition, names = write.definition, rule.get("resourceNames") or ()
    scope = rule.get("scope", "*")
    return (
        (scope == "*" or (scope == "Cluster") == write.is_cluster_scoped)
        and _contains(rule["operations"], write.operation)
        and _contains(rule["apiGroups"], definition.group)
        and _contains(rule["apiVersions"], definition.version)
        and any(_is_resource(each, definition.plural, write.subresource) for each in rule["resources"])
        and (not names or write.metadata["name"] in names)
    )


def _contains(values: Iterable[str], value: str) -> bool:
    return any(each in ("*", value) for each in values)


def _is_resource(pattern: str, plural: str, subresource: str) -> bool:
    main, _, sub = pattern.partition("/")
    return main in ("*", plural) and sub in ("*", subresource)


def _is_selected(selector: Object | None, write: Write) -> bool:
    if not selector:
        return True
    matches = label_selectors.from_object(selector)
    return any(matches(each.get("metadata", {}).get("labels") or {}) for each in (write.object, write.old) if each is not None)


def _request(write: Write) -> Object:
    """The AdmissionRequest (admission.k8s.io/v1) without its objects. Empty fields are absent, as in its JSON."""
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


def _status_error(write: Write, message: str, reason: str) -> StatusError:
    name = str(write.metadata["name"])
    details = {**target_details(write.definition, name), "causes": [{"message": message}]}
    return StatusError(CODES[reason], reason, f'{write.definition.resource} "{name}" is forbidden: {message}', details)
