"""Structural schemas at work: unknown fields found with their paths, wrong ones named, defaults filled in, what is immutable compared.

Values are checked by jsonschema-rs, compiled on a kind's first use; unknown fields are found on the way, so that they are told apart from wrong
ones (400 against 422) as Kubernetes does.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import jsonschema_rs

from knative.local.api.status import Cause
from knative.local.definitions import IMMUTABLE_RULE, Definition, load
from knative.local.fields import child, granular, items, list_type
from knative.local.objects import Object

Schema = Mapping[str, Any]
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
TEXT_MAP: Schema = {"type": "object", "additionalProperties": TEXT}
METADATA: Schema = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("name", "generateName", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "selfLink"), TEXT),
        "generation": {"type": "integer"},
        "deletionGracePeriodSeconds": {"type": "integer"},
        "labels": TEXT_MAP,
        "annotations": TEXT_MAP,
        "finalizers": {"type": "array", "items": TEXT},
        "managedFields": {"type": "array", "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
        "ownerReferences": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["apiVersion", "kind", "name", "uid"],
                "properties": {
                    **dict.fromkeys(("apiVersion", "kind", "name", "uid"), TEXT),
                    **dict.fromkeys(("controller", "blockOwnerDeletion"), FLAG),
                },
            },
        },
    },
}


def whole(definition: Definition) -> dict[str, Any]:
    """The schema of an object as it is sent: the definition's, and what every object has."""
    properties = {"apiVersion": TEXT, "kind": TEXT, "metadata": METADATA, **definition.schema["properties"]}
    return {**definition.schema, "properties": properties}


def without_nulls(value: Any) -> Any:
    """A null field is an absent one."""
    if isinstance(value, dict):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def unknown(value: Any, schema: Schema, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        if schema.get("x-kubernetes-preserve-unknown-fields"):
            return
        properties, more = schema.get("properties") or {}, schema.get("additionalProperties")
        for name, inner in value.items():
            here = f"{path}.{name}" if path else name
            if name in properties:
                yield from unknown(inner, properties[name], here)
            elif more is not None:
                yield from unknown(inner, more, here)
            elif schema.get("type") == "object":
                yield here
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown(item, schema.get("items") or {}, f"{path}[{index}]")


def with_defaults(value: Any, schema: Schema) -> Any:
    if isinstance(value, dict):
        properties: Schema = schema.get("properties") or {}
        more: Schema = schema.get("additionalProperties") or {}
        filled = {name: with_defaults(inner, properties.get(name, more)) for name, inner in value.items()}
        for name, inner in properties.items():
            if "default" in inner and name not in filled:
                filled[name] = inner["default"]
        return filled
    if isinstance(value, list):
        return [with_defaults(item, schema.get("items") or {}) for item in value]
    return value


def settled(value: Any, schema: Schema) -> Any:
    """Defaults within atomic values only: those are compared whole when they are applied, so they must look as they will be stored."""
    if isinstance(value, dict) and granular(schema):
        return {name: settled(inner, child(schema, name)) for name, inner in value.items()}
    if isinstance(value, list) and list_type(schema) == "map":
        return [settled(item, items(schema)) for item in value]
    return with_defaults(value, schema)


def faults(object: Object, definition: Definition) -> list[Cause]:
    return [_cause(error) for error in _validator(definition.key).iter_errors(object)]


def immutable(new: Any, old: Any, schema: Schema, path: str = "") -> Iterator[Cause]:
    """What `self == oldSelf` guards and has changed."""
    for rule in schema.get("x-kubernetes-validations") or ():
        if rule["rule"] == IMMUTABLE_RULE and new != old:
            yield Cause(path, rule.get("message", "field is immutable"))
            return
    for name, inner in (schema.get("properties") or {}).items():
        here, there = (each.get(name) if isinstance(each, Mapping) else None for each in (new, old))
        yield from immutable(here, there, inner, f"{path}.{name}" if path else name)


@cache
def _validator(kind: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(_dialect(whole(load().of(kind))), validate_formats=False)


def _dialect(schema: Schema) -> dict[str, Any]:
    """A structural schema as plain JSON Schema."""
    plain: dict[str, Any] = {key: schema[key] for key in _PLAIN & schema.keys()}
    if schema.get("x-kubernetes-int-or-string"):
        plain["type"] = ["integer", "string"]
    if schema.get("nullable"):
        plain["type"] = [plain["type"], "null"]
    if "properties" in schema:
        plain["properties"] = {name: _dialect(inner) for name, inner in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if key in schema:
            plain[key] = _dialect(schema[key])
    if schema.get("format") == "byte":
        plain["pattern"] = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
    return plain


_PLAIN = {"type", "required", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"}


def _cause(error: jsonschema_rs.ValidationError) -> Cause:
    path = dotted(error.instance_path)
    message, keyword = error.message, str(error.schema_path[-1]) if error.schema_path else ""
    if match := re.match(r'"(.+)" is a required property', message):
        return Cause(f"{path}.{match[1]}" if path else match[1], "Required value", "FieldValueRequired")
    sort = {"enum": "FieldValueNotSupported", "type": "FieldValueTypeInvalid"}.get(keyword, "FieldValueInvalid")
    return Cause(path or "<root>", f"Invalid value: {message}", sort)


def dotted(path: Iterable[str | int]) -> str:
    """`spec.containers[0].image`"""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
