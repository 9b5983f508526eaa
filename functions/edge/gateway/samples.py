"""Sample requests for the documentation: a value for a JSON Schema, and for an operation a `curl` command and a call of the Python client."""

import json
import re
from collections.abc import Mapping
from keyword import iskeyword
from pprint import pformat
from typing import Any

Schema = Mapping[str, Any]

SAMPLE_BY_FORMAT = {
    "uuid": "019a2f6e-6c52-7a3f-9d53-3c1f0f5f1c9e",
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "email": "ada@example.org",
    "uri": "https://example.org/",
    "password": "correct horse battery staple",
}
SAMPLE_BY_NAME = {
    "name": "hello",
    "repository": "https://github.com/ada/hello.git",
    "ref": "main",
    "environment": "staging",
    "url": "https://example.org/hooks/capsule",
}
USEFUL = frozenset({"repository", "ref"})
"""Optional fields that a first request has."""
PARAMETER = re.compile(r"{(\w+)}")
MAX_LEVELS = 6


def resolve(schema: Schema, schemas: Schema) -> Schema:
    """Follow a reference into `components/schemas`."""
    return resolve(schemas[str(schema["$ref"]).rsplit("/", 1)[-1]], schemas) if "$ref" in schema else schema


def sample(schema: Schema, schemas: Schema, name: str = "", level: int = 0) -> Any:
    """Return a plausible value. An object has its required fields, or its first field if none is required."""
    schema = resolve(schema, schemas)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if schema.get("examples"):
        return schema["examples"][0]
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return sample(choices[0], schemas, name, level)
    match schema.get("type"):
        case "object":
            return _sample_object(schema, schemas, level)
        case "array":
            return [sample(schema.get("items", {}), schemas, name, level + 1)] if level < MAX_LEVELS else []
        case "integer" | "number":
            default = schema.get("default")
            return default if default is not None else schema.get("minimum", 1)
        case "boolean":
            return bool(schema.get("default", True))
        case "null":
            return None
    if schema.get("default"):
        return schema["default"]
    return SAMPLE_BY_NAME.get(name) or SAMPLE_BY_FORMAT.get(str(schema.get("format", "")), "…")


def _sample_object(schema: Schema, schemas: Schema, level: int) -> dict[str, Any]:
    properties: Schema = schema.get("properties", {})
    names = [name for name in properties if name in schema.get("required", ()) or name in USEFUL] or list(properties)[:1]
    values = {name: sample(properties[name], schemas, name, level + 1) for name in names}
    extra = schema.get("additionalProperties")
    if not values and isinstance(extra, Mapping) and level < MAX_LEVELS:
        return {"NAME": sample(extra, schemas, "", level + 1)}
    return values


def curl(method: str, path: str, body: Any = None, *, is_signed_in: bool = True, options: str = "-sS") -> str:
    """Return a command for a POSIX shell. It reads the variables CAPSULE_API and TOKEN."""
    url = f'"$CAPSULE_API{path}"'
    lines = [f"curl {options} {url}" if method == "GET" else f"curl {options} -X {method} {url}"]
    if is_signed_in:
        lines.append('-H "Authorization: Bearer $TOKEN"')
    if body is not None:
        lines.append("-H 'Content-Type: application/json'")
        lines.append("--data '" + json.dumps(body, ensure_ascii=False).replace("'", "'\\''") + "'")
    return " \\\n  ".join(lines)


def fill_path(path: str, values: Mapping[str, str]) -> str:
    """Replace parameters by their values; the others become shell variables: `{applicationId}` is `$APPLICATION_ID`."""
    return PARAMETER.sub(lambda match: values.get(match[1]) or "$" + _to_variable(match[1]), path)


def _to_variable(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def python(operation: Schema, schemas: Schema) -> str | None:
    """Return a call of the generated Python client (`cli.api`); None for operations that it leaves out: streams of events, and signed webhooks."""
    body = operation.get("requestBody", {}).get("content", {})
    success: Schema = next((answer for status, answer in operation["responses"].items() if status.startswith("2")), {})
    if "text/event-stream" in success.get("content", {}) or (body and "application/json" not in body) or "_" not in operation["operationId"]:
        return None
    context, _, name = operation["operationId"].partition("_")
    parameters = [each for each in operation.get("parameters", ()) if each.get("in") in ("path", "query")]
    arguments = [_snake(each["name"]) for each in parameters if each["in"] == "path"]
    if body:
        arguments.append(pformat(sample(body["application/json"]["schema"], schemas), width=100, sort_dicts=False))
    for each in parameters:
        if each["in"] == "query" and each["required"]:
            arguments.append(f"{_python_name(each['name'])}={sample(each['schema'], schemas, each['name'])!r}")
    if _is_page(success, schemas) and any(each["name"] == "cursor" for each in parameters):
        return f"for each in api.{context}.all_{name}({', '.join(arguments)}):\n    print(each)"
    call = f"api.{context}.{name}({', '.join(arguments)})"
    return f"print({call})" if success.get("content", {}).get("application/json") else call


def _is_page(answer: Schema, schemas: Schema) -> bool:
    """Whether it is `items` and the cursor of the `next` ones: the Python client has an iterator over all of them."""
    schema: Schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    named: Schema = schemas.get(str(schema.get("$ref", "")).rpartition("/")[2], schema)
    return {"items", "next"}.issubset(named.get("properties", {}))


def _python_name(name: str) -> str:
    snake = _snake(name)
    return f"{snake}_" if iskeyword(snake) else snake


def _snake(name: str) -> str:
    return _to_variable(name).lower()
