"""Generate the Python client `cli/api` from the OpenAPI document: one class per context, one method per operation, typed.

openapi-python-client 0.29.1 makes 589 files of 87,000 lines from the same document, omits responses whose schemas it cannot
resolve, and sends without retries. These are a dozen files that a person can read; `cli.client` sends. It reads whole responses,
so operations that answer with a stream of events have no method.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.describe.client_types import definition, pascal, referenced, snake, type_of
from functions.describe.text import HEADER

FOLDER = "cli/api"
SHARED = "shared"
GATEWAY = "gateway"
METHODS = ("get", "post", "put", "patch", "delete")
JSON = "application/json"
EVENT_STREAM = "text/event-stream"
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Operation:
    context: str
    name: str
    method: str
    path: str
    operation: Document

    @property
    def parameters(self) -> Sequence[Document]:
        return [each for each in self.operation.get("parameters", ()) if each.get("in") in ("path", "query")]

    @property
    def body(self) -> Document | None:
        return self.operation.get("requestBody")

    @property
    def body_type(self) -> str:
        schema = self.body["content"][JSON]["schema"] if self.body else {}
        return type_of(schema) if "$ref" in schema else f"{pascal(self.name)}Body"

    @property
    def success(self) -> Document:
        return next(response for status, response in self.operation["responses"].items() if status.startswith("2"))

    @property
    def output(self) -> Document | None:
        """The schema of the response; None if it has no content or is a file."""
        content = self.success.get("content") or {}
        schema: Document | None = content.get(JSON, {}).get("schema")
        return schema

    @property
    def is_file(self) -> bool:
        return bool(self.success.get("content")) and self.output is None


def files(document: Document) -> dict[str, str]:
    """Return path → text of the client's modules."""
    operations = list(_operations(document))
    schemas = _schemas(document, operations)
    uses = _uses(operations, schemas)
    modules: dict[str, dict[str, str]] = defaultdict(dict)
    for name in sorted(uses):
        modules[SHARED if len(uses[name]) > 1 else next(iter(uses[name]))][name] = definition(name, schemas[name])
    contexts = sorted({each.context for each in operations})
    texts = {f"{FOLDER}/__init__.py": _package(contexts)}
    for module, definitions in modules.items():
        imported = sorted({used for name in definitions for used in referenced(schemas[name])} - definitions.keys())
        texts[f"{FOLDER}/{module}_models.py"] = _models(module, imported, definitions)
    for context in contexts:
        own = [each for each in operations if each.context == context]
        texts[f"{FOLDER}/{context}.py"] = _operations_module(context, own, document, modules)
    return texts


def _operations(document: Document) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method not in methods:
                continue
            operation = methods[method]
            context, _, name = (
                operation["operationId"].partition("_") if GATEWAY not in operation["tags"] else (GATEWAY, "", operation["operationId"])
            )
            body = operation.get("requestBody")
            is_stream = any(EVENT_STREAM in response.get("content", {}) for response in operation["responses"].values())
            if not is_stream and (body is None or JSON in body["content"]):  # other bodies are for providers, which sign what they send
                yield Operation(context, name, method, path, operation)


def _schemas(document: Document, operations: Sequence[Operation]) -> dict[str, Document]:
    """Return all components, and the bodies that are none."""
    schemas = dict(document["components"]["schemas"])
    for each in operations:
        if each.body and each.body_type not in schemas:
            schemas[each.body_type] = each.body["content"][JSON]["schema"]
    return schemas


def _uses(operations: Sequence[Operation], schemas: Mapping[str, Document]) -> dict[str, set[str]]:
    """Return component → the contexts whose operations use it."""
    uses: dict[str, set[str]] = defaultdict(set)
    for each in operations:
        waiting = [*([each.body_type] if each.body else []), *referenced(each.output or {}), *referenced(each.parameters)]
        while waiting:
            name = waiting.pop()
            if each.context not in uses[name]:
                uses[name].add(each.context)
                waiting += referenced(schemas[name])
    return uses


def _package(contexts: Sequence[str]) -> str:
    imports = "".join(f"from cli.api.{context} import {pascal(context)}\n" for context in contexts)
    attributes = "".join(f"        self.{context} = {pascal(context)}(transport)\n" for context in contexts)
    return (
        f'{HEADER}"""The Python client of the HTTP API. docs/api.md has an example."""\n\n{imports}from cli.api.transport import Transport\n\n'
        f'__all__ = ["Api"]\n\n\nclass Api:\n    """All operations, by context. `transport`: `cli.client.Client`."""\n\n'
        f"    def __init__(self, transport: Transport) -> None:\n{attributes}"
    )


def _models(module: str, imported: Sequence[str], definitions: Mapping[str, str]) -> str:
    title = "Requests and responses of several contexts." if module == SHARED else f"Requests and responses of {module}."
    body = "\n\n".join(definitions.values())
    words = ("Any", "Literal", "NotRequired", "TypeAlias", "TypedDict")
    used = [word for word in words if f"{word}[" in body or f"({word})" in body or f": {word}" in body or f"= {word}(" in body or word == "Any"]
    used = [word for word in used if word in body]
    typing = f"from typing import {', '.join(used)}\n" if used else ""
    shared = f"\nfrom cli.api.{SHARED}_models import {', '.join(imported)}\n" if imported else ""
    return f'{HEADER}"""{title}"""\n\nfrom __future__ import annotations\n\n{typing}{shared}\n\n{body}'


def _operations_module(context: str, operations: Sequence[Operation], document: Document, modules: Mapping[str, Mapping[str, str]]) -> str:
    methods = "\n".join(text for each in operations for text in _methods(each, document["components"]["schemas"]))
    names = {name for each in operations for name in (*([each.body_type] if each.body else []), *_names(each, document))}
    imports = ""
    for module in (context, SHARED):
        if found := sorted(names & modules.get(module, {}).keys()):
            imports += f"from cli.api.{module}_models import {', '.join(found)}\n"
    typing = [word for word in ("Any", "Literal", "cast") if f"{word}[" in methods or f"{word}(" in methods or f" {word}" in methods]
    iterator = "from collections.abc import Iterator\n" if "Iterator[" in methods else ""
    needed = "Operations, segment" if "segment(" in methods else "Operations"
    return (
        f'{HEADER}"""Operations of {context}."""\n\nfrom __future__ import annotations\n\n'
        f"{iterator}from typing import {', '.join(typing)}\n\n{imports}"
        f"from cli.api.transport import {needed}\n\n\nclass {pascal(context)}(Operations):\n{methods}"
    )


def _names(each: Operation, document: Document) -> Iterator[str]:
    yield from referenced(each.output or {})
    yield from referenced(each.parameters)
    if item := _item_type(each, document["components"]["schemas"]):
        yield item


def _item_type(each: Operation, schemas: Mapping[str, Document]) -> str | None:
    """Return the type of a list's items if the operation returns a page and takes a cursor."""
    name = type_of(each.output or {})
    properties = schemas.get(name, {}).get("properties", {})
    is_paginated = {"items", "next"} <= properties.keys() and any(parameter["name"] == "cursor" for parameter in each.parameters)
    return type_of(properties["items"]["items"]) if is_paginated else None


def _methods(each: Operation, schemas: Mapping[str, Document]) -> Iterator[str]:
    path_names = [parameter["name"] for parameter in each.parameters if parameter["in"] == "path"]
    query = [parameter for parameter in each.parameters if parameter["in"] == "query"]
    path = each.path
    for name in path_names:
        path = path.replace(f"{{{name}}}", f"{{segment({snake(name)})}}")
    place = f'f"{path}"' if path_names else f'"{path}"'
    positional = [f"{snake(name)}: str" for name in path_names]
    if each.body:
        positional.append(f"body: {each.body_type}" + ("" if each.body.get("required") else " | None = None"))
    named = [f"{snake(parameter['name'])}: {_argument(parameter)}" for parameter in query]
    is_change = each.method != "get"
    named += ["idempotency_key: str | None = None"] if is_change else []
    summary = each.operation["summary"]
    values = "{" + ", ".join(f'"{parameter["name"]}": {snake(parameter["name"])}' for parameter in query) + "}"
    with_query = f", query={values}" if query else ""
    if each.is_file:
        yield _method(each.name, positional, named, "bytes", summary, f"return self._download({place}{with_query})")
        return
    arguments = [f'"{each.method.upper()}", {place}{with_query}']
    arguments += ["body=body" if each.body.get("required") else "body=body or {}"] if each.body else []
    arguments += ["idempotency_key=idempotency_key"] if is_change else []
    call = f"self._call({', '.join(arguments)})"
    output = type_of(each.output) if each.output is not None else "None"
    yield _method(each.name, positional, named, output, summary, call if output == "None" else f"return cast({output}, {call})")
    if item := _item_type(each, schemas):
        body = f"return cast(Iterator[{item}], self._items({place}, {values}))"
        yield _method(f"all_{each.name}", positional, named, f"Iterator[{item}]", f"{summary}: the items of all pages", body)


def _argument(parameter: Document) -> str:
    type_ = type_of(parameter["schema"])
    if parameter.get("required"):
        return type_
    return f"{type_} = None" if "None" in type_.split(" | ") else f"{type_} | None = None"


def _method(name: str, positional: Sequence[str], named: Sequence[str], output: str, summary: str, body: str) -> str:
    parameters = ["self", *positional, *(["*", *named] if named else [])]
    one_line = f"    def {name}({', '.join(parameters)}) -> {output}:"
    head = (
        one_line if len(one_line) <= 120 else "    def {}(\n{}    ) -> {}:".format(name, "".join(f"        {each},\n" for each in parameters), output)
    )
    return f'{head}\n        """{summary}."""\n        {body}\n'
