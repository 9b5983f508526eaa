"""The content of `/docs`: quickstart, operations with sample requests, common errors. Derived from the OpenAPI document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.edge.gateway.problems import OWN
from functions.edge.gateway.samples import curl, fill_path, resolve, sample
from functions.kernel import Forbidden
from functions.runtime.execution.results import KeyReused
from functions.wire.problems import ProblemType

Document = Mapping[str, Any]

COMMON_ERRORS: Mapping[str, ProblemType] = {**OWN, **{each.slug(): ProblemType.of(each) for each in (Forbidden, KeyReused)}}
MAX_FIELD_LEVELS = 3
LAST_TAGS = ("operations", "gateway")
"""For operators: after the users' endpoints."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call of the quickstart. `body` is valid input of the operation."""

    title: str
    operation_id: str
    body: Mapping[str, Any] | None = None
    note: str = ""
    variable: str = ""
    """Shell variable that takes `field` of the response."""
    field: str = ""


QUICKSTART = (
    Step(
        "Register",
        "auth_register",
        {"email": "ada@example.org", "password": "correct horse battery staple"},
        note="Open the link in the verification e-mail. On one machine, `./taskw mail` prints it.",
    ),
    Step(
        "Sign in",
        "auth_login",
        {"email": "ada@example.org", "password": "correct horse battery staple"},
        variable="TOKEN",
        field="accessToken",
    ),
    Step(
        "Create an application from a git repository",
        "deploy_create_application",
        {"name": "hello", "repository": "https://github.com/ada/hello.git"},
        variable="APPLICATION_ID",
        field="id",
    ),
    Step("Deploy its default branch", "deploy_deploy", {"environment": "staging"}, note="Returns 202: the deployment continues in the background."),
    Step("Show the application with its URL", "deploy_application"),
)


@dataclass(frozen=True, slots=True)
class Call:
    """A step as the page shows it."""

    title: str
    command: str
    note: str


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: str
    is_required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Operation:
    id: str
    method: str
    path: str
    summary: str
    description: str
    is_signed_in: bool
    parameters: Sequence[Field]
    request: Sequence[Field]
    response: Sequence[Field]
    errors: Sequence[tuple[str, str, str]]
    """(status, slug, title); without those that every operation may return."""
    sample: str


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    description: str
    operations: Sequence[Operation]


def quickstart(document: Document) -> list[Call]:
    """Return the calls of the quickstart whose operations exist."""
    found = {operation["operationId"]: (method.upper(), path) for path, methods in document["paths"].items() for method, operation in methods.items()}
    calls = []
    for step in QUICKSTART:
        if step.operation_id in found:
            method, path = found[step.operation_id]
            is_signed_in = "security" not in document["paths"][path][method.lower()]
            command = curl(method, fill_path(path, {}), step.body, is_signed_in=is_signed_in)
            if step.variable:
                command = f"{step.variable}=$({command} \\\n  | jq -r .{step.field})"
            calls.append(Call(step.title, command, step.note))
    return calls


def common_errors() -> list[tuple[int, str, str]]:
    """Return (status, slug, title) of what any operation may return."""
    return sorted((kind.status, slug, kind.title) for slug, kind in COMMON_ERRORS.items())


def groups(document: Document) -> list[Group]:
    """Return the operations by tag; the tags for operators last."""
    operations: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            operations.setdefault(operation["tags"][0], []).append(_operation(method.upper(), path, operation, document))
    about = {tag["name"]: tag.get("description", "") for tag in document["tags"]}
    names = sorted(operations, key=lambda name: (LAST_TAGS.index(name) + 1 if name in LAST_TAGS else 0, list(about).index(name)))
    return [Group(name, about[name], operations[name]) for name in names]


def _operation(method: str, path: str, operation: Document, document: Document) -> Operation:
    schemas = document["components"]["schemas"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    success: Document = next((answer for status, answer in operation["responses"].items() if status.startswith("2")), {})
    output = success.get("content", {}).get("application/json", {}).get("schema")
    parameters = [parameter for parameter in operation.get("parameters", []) if "name" in parameter]
    is_signed_in = "security" not in operation
    return Operation(
        id=operation["operationId"],
        method=method,
        path=path,
        summary=operation["summary"],
        description=operation.get("description", ""),
        is_signed_in=is_signed_in,
        parameters=[_parameter(each, schemas) for each in parameters],
        request=_fields(body, schemas),
        response=_fields(output, schemas),
        errors=_specific_errors(operation),
        sample=curl(method, fill_path(path, {}), sample(body, schemas) if body else None, is_signed_in=is_signed_in),
    )


def _parameter(parameter: Document, schemas: Document) -> Field:
    type_name = f"{describe_type(parameter['schema'], schemas)}, in the {parameter['in']}"
    return Field(parameter["name"], type_name, parameter["required"], parameter.get("description", ""))


def _specific_errors(operation: Document) -> list[tuple[str, str, str]]:
    """Return the errors that not every operation has: the declared rejections."""
    found = []
    for status, answer in operation["responses"].items():
        examples = answer.get("content", {}).get("application/problem+json", {}).get("examples", {})
        found += [(status, slug, example["summary"]) for slug, example in examples.items() if slug not in COMMON_ERRORS]
    return found


def _fields(schema: Document | None, schemas: Document, prefix: str = "", level: int = 0) -> list[Field]:
    """Return the fields of an object and of the objects inside it: `items[].id`."""
    if not schema or level == MAX_FIELD_LEVELS:
        return []
    schema = _object_in(schema, schemas)
    if schema.get("type") == "array":
        return _fields(schema.get("items"), schemas, f"{prefix.removesuffix('.')}[].", level)
    required = schema.get("required", [])
    fields = []
    for name, part in schema.get("properties", {}).items():
        fields.append(Field(prefix + name, describe_type(part, schemas), name in required, str(part.get("description", ""))))
        fields += _fields(part, schemas, f"{prefix}{name}.", level + 1)
    return fields


def _object_in(schema: Document, schemas: Document) -> Document:
    """Follow references, and take the object of `object or null`."""
    schema = resolve(schema, schemas)
    choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    return _object_in(choices[0], schemas) if len(choices) == 1 else schema


def describe_type(schema: Document, schemas: Document) -> str:
    """Return a schema's type in words, such as `list of string` or `"red" or "blue"`."""
    schema = resolve(schema, schemas)
    if "anyOf" in schema:
        return " or ".join(describe_type(choice, schemas) for choice in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return " or ".join(f'"{value}"' for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {describe_type(schema.get('items', {}), schemas)}"
    return str(schema.get("format") or schema.get("type") or "any value")
