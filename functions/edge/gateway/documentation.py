"""The content of `/docs`: quickstart, operations with sample requests, common errors. Derived from the OpenAPI document."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.edge.gateway.command_samples import COMMANDS
from functions.edge.gateway.problems import OWN
from functions.edge.gateway.samples import curl, fill_path, python, resolve, sample
from functions.edge.gateway.topics import TOPICS, Topic, topic_of
from functions.kernel import Forbidden
from functions.runtime.execution.results import KeyReused
from functions.wire.problems import ProblemType

Document = Mapping[str, Any]

COMMON_ERRORS: Mapping[str, ProblemType] = {**OWN, **{each.slug(): ProblemType.of(each) for each in (Forbidden, KeyReused)}}
MAX_FIELD_LEVELS = 3
JSON_TYPE = "application/json"
PERMISSION_SENTENCE = re.compile(r"Requires the (permission|role) [a-z.]+\.\s*")
"""The page has it as a badge."""
FREELY = ("anyone", "own-account", "admin")
"""Values of `x-permission` that are no permission of a team."""


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
    permission: str
    """Of a team, such as `app.deploy`; empty: none is needed."""
    is_deprecated: bool
    parameters: Sequence[Field]
    request: Sequence[Field]
    response: Sequence[Field]
    errors: Sequence[tuple[str, str, str]]
    """(status, slug, title); without those that every operation may return."""
    curl: str
    python: str | None
    command: str | None
    """Of the CLI."""
    trial: str
    """What the form that sends the request needs, as JSON: method, path, parameters, body."""


@dataclass(frozen=True, slots=True)
class Group:
    topic: Topic
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
    """Return the operations by topic; those for operators last. A deprecated operation comes after the others of its topic."""
    operations: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            operations.setdefault(topic_of(path, operation).slug, []).append(_operation(method.upper(), path, operation, document))
    return [Group(each, sorted(operations[each.slug], key=lambda one: one.is_deprecated)) for each in TOPICS if each.slug in operations]


def _operation(method: str, path: str, operation: Document, document: Document) -> Operation:
    schemas = document["components"]["schemas"]
    body = operation.get("requestBody", {}).get("content", {}).get(JSON_TYPE, {}).get("schema")
    success: Document = next((answer for status, answer in operation["responses"].items() if status.startswith("2")), {})
    output = success.get("content", {}).get(JSON_TYPE, {}).get("schema")
    parameters = [parameter for parameter in operation.get("parameters", []) if "name" in parameter]
    is_signed_in = "security" not in operation
    permission = operation.get("x-permission", FREELY[0])
    example = sample(body, schemas) if body else None
    return Operation(
        id=operation["operationId"],
        method=method,
        path=path,
        summary=operation["summary"],
        description=PERMISSION_SENTENCE.sub("", operation.get("description", "")).strip(),
        is_signed_in=is_signed_in,
        permission="" if permission in FREELY else permission,
        is_deprecated=operation.get("deprecated", False),
        parameters=[_parameter(each, schemas) for each in parameters],
        request=_fields(body, schemas),
        response=_fields(output, schemas),
        errors=_specific_errors(operation),
        curl=curl(method, fill_path(path, {}), example, is_signed_in=is_signed_in),
        python=python(operation, schemas),
        command=COMMANDS.get(operation["operationId"]),
        trial=_trial(method, path, parameters, example, takes_body=body is not None, is_signed_in=is_signed_in),
    )


def _trial(method: str, path: str, parameters: Sequence[Document], body: Any, *, takes_body: bool, is_signed_in: bool) -> str:
    fields = [{"name": each["name"], "in": each["in"], "required": each["required"]} for each in parameters if each["in"] in ("path", "query")]
    document = {"method": method, "path": path, "fields": fields, "body": body if takes_body else None, "isSignedIn": is_signed_in}
    return json.dumps(document, ensure_ascii=False)


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
