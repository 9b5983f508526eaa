"""Structural schemas: find unknown fields, validate values, fill in defaults and compare immutable fields.

jsonschema-rs validates values, with validators compiled on a kind's first use. Unknown fields are found separately,
because Kubernetes answers them with 400 and invalid values with 422.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import jsonschema_rs

from knative.local.api.status import Cause
from knative.local.definitions import IMMUTABLE_RULE, Definition, load
from knative.local.fields import child_schema, is_granular, item_schema, list_type
from knative.local.objects import Object

Schema = Mapping[str, Any]
STRING: Schema = {"type": "string"}
BOOLEAN: Schema = {"type": "boolean"}
STRING_MAP: Schema = {"type": "object", "additionalProperties": STRING}
METADATA: Schema = {
    "type": "object",
    "properties": {
        **dict.fromkeys(
            ("name", "generateName", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "selfLink"), STRING
        ),
        "generation": {"type": "integer"},
        "deletionGracePeriodSeconds": {"type": "integer"},
        "labels": STRING_MAP,
        "annotations": STRING_MAP,
        "finalizers": {"type": "array", "items": STRING},
        "managedFields": {"type": "array", "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
        "ownerReferences": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["apiVersion", "kind", "name", "uid"],
                "properties": {
                    **dict.fromkeys(("apiVersion", "kind", "name", "uid"), STRING),
                    **dict.fromkeys(("controller", "blockOwnerDeletion"), BOOLEAN),
                },
            },
        },
    },
}


def whole(definition: Definition) -> dict[str, Any]:
    """Return the schema of a complete object: the definition's, with apiVersion, kind and metadata."""
    properties = {"apiVersion": STRING, "kind": STRING, "metadata": METADATA, **definition.schema["properties"]}
    return {**definition.schema, "properties": properties}


def without_nulls(value: Any) -> Any:
    """Remove null fields: they mean absent ones."""
    if isinstance(value, dict):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def unknown_paths(value: Any, schema: Schema, path: str = "") -> Iterator[str]:
    """Yield the paths of fields that the schema does not have."""
    if isinstance(value, dict):
        if schema.get("x-kubernetes-preserve-unknown-fields"):
            return
        properties, additional = schema.get("properties") or {}, schema.get("additionalProperties")
        for name, inner in value.items():
            inner_path = f"{path}.{name}" if path else name
            if name in properties:
                yield from unknown_paths(inner, properties[name], inner_path)
            elif additional is not None:
                yield from unknown_paths(inner, additional, inner_path)
            elif schema.get("type") == "object":
                yield inner_path
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown_paths(item, schema.get("items") or {}, f"{path}[{index}]")


def with_defaults(value: Any, schema: Schema) -> Any:
    if isinstance(value, dict):
        properties: Schema = schema.get("properties") or {}
        additional: Schema = schema.get("additionalProperties") or {}
        filled = {name: with_defaults(inner, properties.get(name, additional)) for name, inner in value.items()}
        for name, inner in properties.items():
            if "default" in inner and name not in filled:
                filled[name] = inner["default"]
        return filled
    if isinstance(value, list):
        return [with_defaults(item, schema.get("items") or {}) for item in value]
    return value


def with_atomic_defaults(value: Any, schema: Schema) -> Any:
    """Fill in defaults within atomic values only. Server-side apply compares those as a whole, so they must look as they are stored."""
    if isinstance(value, dict) and is_granular(schema):
        return {name: with_atomic_defaults(inner, child_schema(schema, name)) for name, inner in value.items()}
    if isinstance(value, list) and list_type(schema) == "map":
        return [with_atomic_defaults(item, item_schema(schema)) for item in value]
    return with_defaults(value, schema)


def schema_causes(object: Object, definition: Definition) -> list[Cause]:
    """Return the values that do not match the schema."""
    return [_cause(error) for error in _validator(definition.key).iter_errors(object)]


def immutability_causes(new: Any, old: Any, schema: Schema, path: str = "") -> Iterator[Cause]:
    """Yield the fields with rule `self == oldSelf` that have changed."""
    for rule in schema.get("x-kubernetes-validations") or ():
        if rule["rule"] == IMMUTABLE_RULE and new != old:
            yield Cause(path, rule.get("message", "field is immutable"))
            return
    for name, inner in (schema.get("properties") or {}).items():
        new_value, old_value = (each.get(name) if isinstance(each, Mapping) else None for each in (new, old))
        yield from immutability_causes(new_value, old_value, inner, f"{path}.{name}" if path else name)


@cache
def _validator(kind: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(_to_json_schema(whole(load().of(kind))), validate_formats=False)


def _to_json_schema(schema: Schema) -> dict[str, Any]:
    """Convert a structural schema to plain JSON Schema."""
    plain: dict[str, Any] = {key: schema[key] for key in _COMMON_KEYWORDS & schema.keys()}
    if schema.get("x-kubernetes-int-or-string"):
        plain["type"] = ["integer", "string"]
    if schema.get("nullable"):
        plain["type"] = [plain["type"], "null"]
    if "properties" in schema:
        plain["properties"] = {name: _to_json_schema(inner) for name, inner in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if key in schema:
            plain[key] = _to_json_schema(schema[key])
    if schema.get("format") == "byte":
        plain["pattern"] = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
    return plain


_COMMON_KEYWORDS = {"type", "required", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"}


def _cause(error: jsonschema_rs.ValidationError) -> Cause:
    path = dotted(error.instance_path)
    message, keyword = error.message, str(error.schema_path[-1]) if error.schema_path else ""
    if match := re.match(r'"(.+)" is a required property', message):
        return Cause(f"{path}.{match[1]}" if path else match[1], "Required value", "FieldValueRequired")
    reason = {"enum": "FieldValueNotSupported", "type": "FieldValueTypeInvalid"}.get(keyword, "FieldValueInvalid")
    return Cause(path or "<root>", f"Invalid value: {message}", reason)


def dotted(path: Iterable[str | int]) -> str:
    """Join a path: `spec.containers[0].image`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
