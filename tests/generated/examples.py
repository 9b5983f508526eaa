"""Create a sample value for a JSON Schema: with every field, or only with the required ones."""

from collections.abc import Mapping
from typing import Any

FORMATS = {
    "uuid": "018f0000-0000-7000-8000-000000000001",
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "duration": "PT1S",
    "base64url": "eHh4",
}


def example(schema: Mapping[str, Any], is_complete: bool) -> Any:
    return _example(schema, schema.get("$defs", {}), is_complete, 0)


def _example(schema: Mapping[str, Any], definitions: Mapping[str, Any], is_complete: bool, depth: int) -> Any:
    def inner(part: Mapping[str, Any]) -> Any:
        return _example(part, definitions, is_complete, depth + 1)

    if "$ref" in schema:
        return inner(definitions[schema["$ref"].rsplit("/", 1)[-1]])
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return inner(choices[0] if is_complete and depth < 8 else choices[-1])
    match schema.get("type"):
        case "object":
            fields = {name: part for name, part in schema.get("properties", {}).items() if is_complete or name in schema.get("required", ())}
            values = schema.get("additionalProperties")
            extra = {"1": inner(values)} if is_complete and isinstance(values, Mapping) else {}
            return {**{name: inner(part) for name, part in fields.items()}, **extra}
        case "array":
            if "prefixItems" in schema:
                return [inner(part) for part in schema["prefixItems"]]
            return [inner(schema.get("items", {}))] * max(schema.get("minItems", 0), 1 if is_complete and depth < 8 else 0)
        case "string":
            if "pattern" in schema and (samples := [*schema.get("examples", ()), *([schema["default"]] if "default" in schema else ())]):
                return samples[0]
            if schema.get("pattern", "").startswith(r"^\d"):
                return "1" * max(schema.get("minLength", 0), 1)
            return FORMATS.get(schema.get("format", ""), "x" * max(schema.get("minLength", 0), 3))
        case "integer" | "number":
            return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        case "boolean":
            return True
        case "null":
            return None
    return {}
