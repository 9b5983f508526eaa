"""Generate the OpenAPI 3.1 document of the gateway from the declarations and the gateway's own problem types.

It reads the gateway's routes rather than the declarations' templates, so that document and gateway agree.
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from importlib import import_module
from importlib.metadata import version
from typing import Any

from functions.describe.catalog import Catalog
from functions.describe.openapi_problems import FAULT, PROBLEM, problem_response, problems_of
from functions.describe.shapes import Mode, Schema, Shapes
from functions.edge.gateway import problems
from functions.edge.gateway.responses import location_template
from functions.edge.gateway.routing import FIELDS, Route, routes_of
from functions.kernel import Caller, Event, Kind
from functions.kernel.streams import event_data
from functions.wire.server_sent_events import MEDIA_TYPE as EVENT_STREAM

IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Requests with the same key take effect once. Without an access token the key needs at least 20 characters, such as a UUID.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
SELECTED_FIELDS: Schema = {
    "name": FIELDS,
    "in": "query",
    "required": False,
    "description": "Fields of the response, of each item of a list, with dots of the objects inside: `id,environments.name`. Others are left out."
    " Not repeatable; default: all.",
    "style": "form",
    "explode": False,
    "schema": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
}
TEXT: Schema = {"schema": {"type": "string"}}
LINK: Schema = {"description": "The addresses of the first page, and of the next one if there is one (RFC 8288)", **TEXT}
CACHE_STATUS: Schema = {"description": "Whether the gateway's cache answered (RFC 9211)", **TEXT}
DEPRECATION: Mapping[str, Schema] = {
    "Deprecation": {"description": "Since when this version is deprecated (RFC 9745)", **TEXT},
    "Sunset": {"description": "When this version stops, if that is decided (RFC 8594)", **TEXT},
    "Link": {"description": 'With rel="successor-version": the address of the current version', **TEXT},
}
VERSION = re.compile(r"^/(v\d+)/")
OWN_ENDPOINTS = {
    "/livez": ("livez", "Check that this gateway runs", "The process runs"),
    "/readyz": ("readyz", "Check that this gateway accepts requests", "Connected to RabbitMQ"),
    "/health": ("health", "Show the health of every context", "Healthy or degraded"),
}
"""Path → (operation id, summary, description of 200)."""
FRESH: Schema = {
    "name": "fresh",
    "in": "query",
    "required": False,
    "description": "Ask the contexts instead of returning their last reports. At most every 5 seconds.",
    "schema": {"type": "string", "examples": ["1"]},
}
OPERATIONS_TAG = {"name": "operations", "description": "For callers with the role admin."}
GATEWAY_TAG = {"name": "gateway", "description": "Probes and health."}


def document(catalog: Catalog) -> dict[str, Any]:
    routes = sorted((route for each in catalog.declarations for route in routes_of(each)), key=lambda route: (route.path, route.method))
    public = [event for event in catalog.events if event.is_public]
    shapes = Shapes([*_types(routes), *((event, "serialization") for event in public)])
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, shapes, has_location=location_template(route, routes) is not None)
    for path in OWN_ENDPOINTS:
        paths[path] = {"get": _own_operation(path)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Capsule",
            "version": version("capsule"),
            "summary": "Deploy applications from git to your own servers.",
        },
        "servers": [{"url": "/"}],
        "tags": [*({"name": context, "description": _description(context)} for context in catalog.contexts), OPERATIONS_TAG, GATEWAY_TAG],
        "security": [{"accessToken": []}],
        "paths": paths,
        "webhooks": {event.type: _webhook(event, shapes) for event in public},
        "components": {
            "schemas": {**shapes.definitions, "Problem": PROBLEM, "ProblemFault": FAULT},
            "responses": {slug: problem_response(kind.status, {slug: kind.title}) for slug, kind in sorted(problems.OWN.items())},
            "parameters": {"IdempotencyKey": IDEMPOTENCY_KEY, "Fields": SELECTED_FIELDS},
            "securitySchemes": {"accessToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _webhook(event: type[Event], shapes: Shapes) -> dict[str, Any]:
    """The request to a webhook that receives the event (standardwebhooks.com)."""
    body: Schema = {
        "type": "object",
        "properties": {
            "type": {"type": "string", "const": event.type},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": shapes.of(event, "serialization"),
        },
        "required": ["type", "timestamp", "data"],
    }
    return {
        "post": {
            "operationId": event.type.replace(".", "_").replace("-", "_"),
            "summary": (event.__doc__ or "").strip().splitlines()[0].rstrip("."),
            "security": [],
            "parameters": [
                {"name": f"webhook-{name}", "in": "header", "required": True, "schema": {"type": "string"}}
                for name in ("id", "timestamp", "signature")
            ],
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
            "responses": {"2XX": {"description": "Received. Every other answer is repeated."}},
        }
    }


def _own_operation(path: str) -> dict[str, Any]:
    operation_id, summary, success = OWN_ENDPOINTS[path]
    content = {"application/json": {"schema": {"type": "object"}}}
    failure = {"503": {"description": "A dependency is down", "content": content}}
    return {
        "operationId": operation_id,
        "summary": summary,
        "tags": ["gateway"],
        "security": [],
        **({"parameters": [FRESH]} if path == "/health" else {}),
        "responses": {"200": {"description": success, "content": content}, **({} if path == "/livez" else failure)},
    }


def _types(routes: Sequence[Route]) -> list[tuple[Any, Mode]]:
    inputs: list[tuple[Any, Mode]] = [(route.input, "validation") for route in routes]
    outputs: list[tuple[Any, Mode]] = [
        (event_data(route.output) if route.is_stream else route.output, "serialization")
        for route in routes
        if _has_content(route) and route.media_type is None
    ]
    return inputs + outputs


def _has_content(route: Route) -> bool:
    return route.declaration.output not in (None, type(None)) and route.declaration.status != 204


def _description(context: str) -> str:
    text = import_module(f"functions.{context}").__doc__ or f"The {context} context."
    return text.strip().splitlines()[0]


def _operation(route: Route, shapes: Shapes, *, has_location: bool) -> dict[str, Any]:
    declaration = route.declaration
    schema = shapes.resolved(route.input, "validation")
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": declaration.summary.rstrip("."),
        "tags": [OPERATIONS_TAG["name"] if declaration.allow.roles else declaration.context],
    }
    parameters = _parameters(route, schema)
    if parameters:
        operation["parameters"] = parameters
    if route.raw is not None:
        operation["requestBody"] = {"required": True, "description": "Any body; it is not parsed", "content": {"*/*": {}}}
    elif route.takes_body and route.rest:
        required = bool(set(schema.get("required", [])) & route.rest)
        operation["requestBody"] = {"required": required, "content": {"application/json": {"schema": _body(route, schema, shapes)}}}
    operation["responses"] = _responses(route, shapes, has_location)
    if declaration.allow.anyone:
        optional = any(Caller in (need, *getattr(need, "__args__", ())) for need in declaration.dependencies.values())
        operation["security"] = [{}, {"accessToken": []}] if optional else []
    elif declaration.allow.roles:
        operation["description"] = f"Requires the role {' or '.join(sorted(declaration.allow.roles))}."
    elif declaration.permission is not None:
        operation["description"] = f"Requires the permission {declaration.permission}."
    if route.former is not None:
        operation["deprecated"] = True
        operation["description"] = " ".join([operation.get("description", ""), _deprecation(route)]).strip()
    operation["x-permission"] = str(declaration.permission or declaration.allow.name)
    return operation


def _operation_id(route: Route) -> str:
    """`monitor_logs`, of a former version `monitor_logs_v1`."""
    name = route.name.replace(".", "_")
    version = VERSION.match(route.path)
    return name if route.former is None else f"{name}_{version[1] if version else 'former'}"


def _deprecation(route: Route) -> str:
    assert route.former is not None
    until = f" It answers until {route.former.sunset_on}." if route.former.sunset_on else ""
    return f"Deprecated since {route.former.deprecated_on}: use `{route.method} {route.successor}`.{until}"


def _parameters(route: Route, schema: Schema) -> list[Schema]:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    parameters = [_parameter(name, "path", properties[name], True) for name in route.path_names]
    for alias, name in (route.raw or {}).items():
        parameters.append(_parameter(name, "header", properties[alias], alias in required))
    if not route.takes_body:
        parameters += [_parameter(name, "query", properties[name], name in required) for name in properties if name in route.rest]
    if route.has_fields:
        parameters.append({"$ref": "#/components/parameters/Fields"})
    if route.mutates:
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    return parameters


def _parameter(name: str, location: str, schema: Schema, is_required: bool) -> Schema:
    schema = dict(schema)
    description = {"description": schema.pop("description")} if "description" in schema else {}
    schema.pop("title", None)
    return {"name": name, "in": location, "required": is_required, **description, "schema": schema}


def _body(route: Route, schema: Schema, shapes: Shapes) -> Schema:
    """Return the schema of the input, without the fields in the path."""
    if not route.path_names:
        return shapes.of(route.input, "validation")
    properties = {name: part for name, part in schema.get("properties", {}).items() if name in route.rest}
    required = [name for name in schema.get("required", []) if name in route.rest]
    body = {key: value for key, value in schema.items() if key not in ("properties", "required", "title", "description")}
    return {**body, "properties": properties, **({"required": required} if required else {})}


def _responses(route: Route, shapes: Shapes, has_location: bool) -> dict[str, Any]:
    declaration = route.declaration
    responses: dict[str, Any] = {}
    success: dict[str, Any] = {"description": HTTPStatus(declaration.status).phrase}
    if _has_content(route):
        success["content"] = _content(route, shapes)
    if route.is_stream:
        responses["204"] = {"description": "Nothing follows the last event: do not connect again"}
    elif declaration.kind is Kind.QUERY:
        success["headers"] = {
            "ETag": TEXT,
            **({"Link": LINK} if route.is_list else {}),
            **({"Cache-Status": CACHE_STATUS} if declaration.cache is not None else {}),
        }
        responses["304"] = {"description": "Unchanged since the ETag in If-None-Match"}
    elif has_location:
        success["headers"] = {"Location": {"description": "The path of the created resource, or of the operation", "schema": {"type": "string"}}}
    if route.former is not None:
        success["headers"] = {**success.get("headers", {}), **DEPRECATION}
    responses[str(declaration.status)] = success
    for status, titles in problems_of(route).items():
        only = next(iter(titles)) if len(titles) == 1 else ""
        responses[str(status)] = {"$ref": f"#/components/responses/{only}"} if only in problems.OWN else problem_response(status, titles)
    return dict(sorted(responses.items()))


def _content(route: Route, shapes: Shapes) -> dict[str, Any]:
    """OpenAPI 3.1 has no form for the events of a stream. `x-event-data` is the schema of their data (3.2: `itemSchema`)."""
    if route.media_type is not None:
        return {route.media_type: {}}
    if route.is_stream:
        return {EVENT_STREAM: {"schema": {"type": "string"}, "x-event-data": shapes.of(event_data(route.output), "serialization")}}
    return {"application/json": {"schema": shapes.of(route.output, "serialization")}}
