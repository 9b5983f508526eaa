"""Validation of admission policies: refuses expressions that do not compile, and features that this API does not evaluate.

Storing a policy with such a feature would admit requests that a cluster denies.
"""

from collections.abc import Iterator

from knative.local import label_selectors
from knative.local.api.expressions import InvalidExpression, Result, compile_expression
from knative.local.api.policies import MAX_MESSAGE_BYTES
from knative.local.api.status import Cause
from knative.local.label_selectors import InvalidSelector
from knative.local.objects import Object

FORBIDDEN = "FieldValueForbidden"
UNSUPPORTED = {
    "paramKind": "policies have no parameters",
    "auditAnnotations": "there is no audit log",
    "variables": "write the expression where it is used",
}


def policy(object: Object) -> Iterator[Cause]:
    """Yield the errors of a ValidatingAdmissionPolicy: those of Kubernetes' validation, and unsupported fields."""
    spec = object["spec"]
    for field, explanation in UNSUPPORTED.items():
        if spec.get(field):
            yield Cause(f"spec.{field}", f"Forbidden: not supported by the one-machine API: {explanation}", FORBIDDEN)
    if not spec.get("validations"):
        yield Cause("spec.validations", "Required value: a policy without validations denies nothing", "FieldValueRequired")
    if not spec["matchConstraints"].get("resourceRules"):
        yield Cause("spec.matchConstraints.resourceRules", "Required value", "FieldValueRequired")
    yield from _match_resources(spec["matchConstraints"], "spec.matchConstraints")
    names = [condition["name"] for condition in spec.get("matchConditions") or ()]
    for index, condition in enumerate(spec.get("matchConditions") or ()):
        path = f"spec.matchConditions[{index}]"
        if names.index(condition["name"]) != index:
            yield Cause(f"{path}.name", f'Duplicate value: "{condition["name"]}"', "FieldValueDuplicate")
        yield from _expression(condition["expression"], "bool", f"{path}.expression")
    for index, validation in enumerate(spec.get("validations") or ()):
        yield from _validation(validation, f"spec.validations[{index}]")


def binding(object: Object) -> Iterator[Cause]:
    """Yield the errors of a ValidatingAdmissionPolicyBinding."""
    spec = object["spec"]
    for index, action in enumerate(spec["validationActions"]):
        if action != "Deny":
            yield Cause(f"spec.validationActions[{index}]", f"Forbidden: {action} is not supported by the one-machine API, only Deny", FORBIDDEN)
    if "paramRef" in spec:
        yield Cause("spec.paramRef", f"Forbidden: not supported by the one-machine API: {UNSUPPORTED['paramKind']}", FORBIDDEN)
    yield from _match_resources(spec.get("matchResources") or {}, "spec.matchResources")


def _validation(validation: Object, path: str) -> Iterator[Cause]:
    yield from _expression(validation["expression"], "bool", f"{path}.expression")
    message = validation.get("message", "")
    if "\n" in message or len(message.encode()) > MAX_MESSAGE_BYTES or ("message" in validation and not message.strip()):
        yield Cause(f"{path}.message", f"Invalid value: {message[:80]!r}: one line of 1 to {MAX_MESSAGE_BYTES} bytes is required")
    if "\n" in validation["expression"].strip() and not message:
        yield Cause(f"{path}.message", "Required value: message must be specified if expression contains line breaks", "FieldValueRequired")
    if "messageExpression" in validation:
        yield from _expression(validation["messageExpression"], "string", f"{path}.messageExpression")


def _expression(text: str, result: Result, path: str) -> Iterator[Cause]:
    try:
        compile_expression(text, result)
    except InvalidExpression as error:
        yield Cause(path, f"Invalid value: {text!r}: {error}")


def _match_resources(resources: Object, path: str) -> Iterator[Cause]:
    for field in ("namespaceSelector", "objectSelector"):
        yield from _selector(resources.get(field), f"{path}.{field}")
    for field in ("resourceRules", "excludeResourceRules"):
        for index, rule in enumerate(resources.get(field) or ()):
            for part in ("apiGroups", "apiVersions", "operations"):
                if "*" in rule[part] and len(rule[part]) > 1:
                    yield Cause(f"{path}.{field}[{index}].{part}", 'Invalid value: if "*" is present, must not specify other values')


def _selector(selector: Object | None, path: str) -> Iterator[Cause]:
    for index, expression in enumerate((selector or {}).get("matchExpressions") or ()):
        if (expression["operator"] in ("In", "NotIn")) != bool(expression.get("values")):
            message = "values must be specified when `operator` is 'In' or 'NotIn', and only then"
            yield Cause(f"{path}.matchExpressions[{index}].values", f"Invalid value: {message}")
    try:
        label_selectors.from_object(selector)
    except InvalidSelector as error:
        yield Cause(path, f"Invalid value: {error}")
