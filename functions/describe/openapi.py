"""OpenAPI 3.1 of the gateway, from the declarations and the gateway's own problem types.

It documents what the gateway does, so it reads the gateway's table of routes and not the declarations' templates: one source for both.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from importlib import import_module
from importlib.metadata import version
from typing import Any

from functions.describe.catalog import Catalog
from functions.describe.shapes import Mode, Schema, Shapes
from functions.edge.gateway import problems
from functions.edge.gateway.problems import ProblemType
from functions.edge.gateway.routing import Route, route_of
from functions.kernel import Caller, Kind
from functions.runtime.execution.function import AnswerNotKept, KeyReused

PROBLEM: Schema = {
    "type": "object",
    "description": "RFC 9457. `type` is stable and leads to a page that explains it.",
    "required": ["type", "title", "status", "detail", "instance", "requestId"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "examples": ["/problems/invalid"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "requestId": {"type": "string", "description": "The request's X-Request-Id and correlation id."},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/ProblemFault"}},
    },
}
FAULT: Schema = {
    "type": "object",
    "required": ["pointer", "detail"],
    "properties": {
        "pointer": {"type": "string", "format": "json-pointer"},
        "detail": {"type": "string"},
        "in": {"type": "string", "enum": ["body", "path", "query", "header"]},
    },
}
IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key makes the same request once, however often it is sent. Without being signed in it must be unguessable.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
OWN_ENDPOINTS = {
    "/livez": ("livez", "Whether this gateway runs; asks nobody", "200"),
    "/readyz": ("readyz", "Whether this gateway can take requests", "200"),
    "/health": ("health", "How every context is, with the age of what is known; `?fresh=1` asks them", "200"),
}


def document(catalog: Catalog) -> dict[str, Any]:
    routes = sorted((route for route in map(route_of, catalog.declarations) if route), key=lambda route: (route.path, route.method))
    shapes = Shapes(_wanted(routes))
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, shapes)
    for path, (operation, summary, status) in OWN_ENDPOINTS.items():
        answer = {"description": summary, "content": {"application/json": {"schema": {"type": "object"}}}}
        away = {**answer, "description": "Something is away"}
        paths[path] = {
            "get": {
                "operationId": operation,
                "summary": summary,
                "tags": ["gateway"],
                "security": [],
                "responses": {status: answer, **({} if path == "/livez" else {"503": away})},
            }
        }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Capsule",
            "version": version("capsule"),
            "summary": "Hand it a git repository, get a running, observed, billed application.",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": context, "description": _about(context)} for context in catalog.contexts] + [{"name": "gateway"}],
        "security": [{"accessToken": []}],
        "paths": paths,
        "components": {
            "schemas": {**shapes.definitions, "Problem": PROBLEM, "ProblemFault": FAULT},
            "responses": {slug: _problem_response(kind.status, {slug: kind.title}) for slug, kind in sorted(problems.OWN.items())},
            "parameters": {"IdempotencyKey": IDEMPOTENCY_KEY},
            "securitySchemes": {"accessToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _wanted(routes: Sequence[Route]) -> list[tuple[Any, Mode]]:
    inputs: list[tuple[Any, Mode]] = [(route.input, "validation") for route in routes]
    outputs: list[tuple[Any, Mode]] = [
        (route.declaration.output, "serialization") for route in routes if _says_something(route) and route.media_type is None
    ]
    return inputs + outputs


def _says_something(route: Route) -> bool:
    return route.declaration.output not in (None, type(None)) and route.declaration.status != 204


def _about(context: str) -> str:
    text = import_module(f"functions.{context}").__doc__ or f"The {context} context."
    return text.strip().splitlines()[0]


def _operation(route: Route, shapes: Shapes) -> dict[str, Any]:
    declaration = route.declaration
    whole = shapes.resolved(route.input, "validation")
    operation: dict[str, Any] = {
        "operationId": declaration.name.replace(".", "_"),
        "summary": declaration.summary.rstrip("."),
        "tags": [declaration.context],
    }
    parameters = _parameters(route, whole)
    if parameters:
        operation["parameters"] = parameters
    if route.raw is not None:
        operation["requestBody"] = {"required": True, "description": "Taken as it comes", "content": {"*/*": {}}}
    elif route.takes_body and route.rest:
        required = bool(set(whole.get("required", [])) & route.rest)
        operation["requestBody"] = {"required": required, "content": {"application/json": {"schema": _body(route, whole, shapes)}}}
    operation["responses"] = _responses(route, shapes)
    if declaration.allow.anyone:
        optional = any(Caller in (need, *getattr(need, "__args__", ())) for need in declaration.dependencies.values())
        operation["security"] = [{}, {"accessToken": []}] if optional else []
    elif declaration.allow.roles:
        operation["description"] = f"For callers with the role {' or '.join(sorted(declaration.allow.roles))}."
    return operation


def _parameters(route: Route, whole: Schema) -> list[Schema]:
    properties, required = whole.get("properties", {}), whole.get("required", [])
    found = [_parameter(name, "path", properties[name], True) for name in route.path_names]
    for alias, name in (route.raw or {}).items():
        found.append(_parameter(name, "header", properties[alias], alias in required))
    if not route.takes_body:
        found += [_parameter(name, "query", properties[name], name in required) for name in properties if name in route.rest]
    if route.mutates:
        found.append({"$ref": "#/components/parameters/IdempotencyKey"})
    return found


def _parameter(name: str, place: str, schema: Schema, required: bool) -> Schema:
    schema = dict(schema)
    described = {"description": schema.pop("description")} if "description" in schema else {}
    schema.pop("title", None)
    return {"name": name, "in": place, "required": required, **described, "schema": schema}


def _body(route: Route, whole: Schema, shapes: Shapes) -> Schema:
    """The input itself; without what stands in the path, where something does."""
    if not route.path_names:
        return shapes.of(route.input, "validation")
    kept = {name: schema for name, schema in whole.get("properties", {}).items() if name in route.rest}
    required = [name for name in whole.get("required", []) if name in route.rest]
    body = {key: value for key, value in whole.items() if key not in ("properties", "required", "title", "description")}
    return {**body, "properties": kept, **({"required": required} if required else {})}


def _responses(route: Route, shapes: Shapes) -> dict[str, Any]:
    declaration = route.declaration
    found: dict[str, Any] = {}
    success: dict[str, Any] = {"description": HTTPStatus(declaration.status).phrase}
    if _says_something(route):
        is_file = route.media_type is not None
        success["content"] = {route.media_type: {}} if is_file else {"application/json": {"schema": shapes.of(declaration.output, "serialization")}}
    if declaration.kind is Kind.QUERY:
        success["headers"] = {"ETag": {"schema": {"type": "string"}}}
        found["304"] = {"description": "Unchanged since the ETag in If-None-Match"}
    elif declaration.status in (201, 202):
        success["headers"] = {"Location": {"description": "Where to look at what was made", "schema": {"type": "string"}}}
    found[str(declaration.status)] = success
    for status, kinds in _problems(route).items():
        common = next(iter(kinds)) if len(kinds) == 1 else ""
        found[str(status)] = {"$ref": f"#/components/responses/{common}"} if common in problems.OWN else _problem_response(status, kinds)
    return dict(sorted(found.items()))


def _problems(route: Route) -> Mapping[int, Mapping[str, str]]:
    """Status → slug → title, of the gateway's own and of the declared rejections."""
    declaration = route.declaration
    own: list[ProblemType] = [problems.INVALID, problems.UNAVAILABLE, problems.FAULT]
    if not declaration.allow.anyone:
        own.append(problems.UNAUTHENTICATED)
    if route.takes_body:
        own += [problems.TOO_LARGE, problems.SLOW_BODY]
    if route.takes_body and route.raw is None:
        own += [problems.INVALID_JSON, problems.NOT_JSON]
    if route.mutates:
        own += [problems.BAD_KEY, problems.OUTCOME_UNKNOWN]
    else:
        own.append(problems.NO_ANSWER)
    if route.mutates and declaration.allow.anyone:
        own.append(problems.TOO_MANY)
    found: dict[int, dict[str, str]] = {}
    for kind in own:
        found.setdefault(kind.status, {})[kind.slug] = kind.title
    by_the_runtime = (KeyReused, *((AnswerNotKept,) if declaration.has_secret_response else ())) if route.mutates else ()
    for rejection in (*declaration.rejects, *by_the_runtime):
        found.setdefault(rejection.status, {})[rejection.slug()] = rejection.title()
    if declaration.allow.roles:
        found.setdefault(403, {}).setdefault("forbidden", "You may not do this")
    return found


def _problem_response(status: int, kinds: Mapping[str, str]) -> dict[str, Any]:
    examples = {
        slug: {"summary": title, "value": {"type": f"/problems/{slug}", "title": title, "status": status}} for slug, title in sorted(kinds.items())
    }
    said = "; ".join(kinds[slug] for slug in sorted(kinds))
    return {
        "description": said,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}},
    }
