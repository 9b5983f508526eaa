"""The problem documents of the OpenAPI document: their schemas, and which a route may answer with."""

from collections.abc import Mapping
from typing import Any

from functions.describe.shapes import Schema
from functions.edge.gateway import problems
from functions.edge.gateway.routing import Route
from functions.kernel import Forbidden
from functions.runtime.execution.results import AnswerNotKept, KeyReused
from functions.wire.problems import ProblemType, type_uri

PROBLEM: Schema = {
    "type": "object",
    "description": "Problem document (RFC 9457). `type` is the path of a page with cause and fix.",
    "required": ["type", "title", "status", "detail", "instance", "requestId"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "examples": ["/problems/invalid"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "requestId": {"type": "string", "description": "The correlation id of the request; also in the header X-Request-Id."},
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


def problems_of(route: Route) -> Mapping[int, Mapping[str, str]]:
    """Return status → slug → title of the gateway's own problems and the declared rejections."""
    declaration = route.declaration
    kinds: list[ProblemType] = [
        *(problems.INVALID, problems.TOO_MANY, problems.UNAVAILABLE, problems.FAULT),
        *(problems.TARGET_TOO_LONG, problems.HEADERS_TOO_LARGE),
    ]
    if not declaration.allow.anyone:
        kinds.append(problems.UNAUTHENTICATED)
    if route.has_fields:
        kinds.append(problems.UNKNOWN_FIELD)
    if route.takes_body:
        kinds += [problems.TOO_LARGE, problems.SLOW_BODY]
    if route.takes_body and route.raw is None:
        kinds += [problems.INVALID_JSON, problems.NOT_JSON]
    if route.mutates:
        kinds += [problems.BAD_KEY, problems.PRECONDITION, problems.OUTCOME_UNKNOWN]
    else:
        kinds.append(problems.NO_ANSWER)
    titles: dict[int, dict[str, str]] = {}
    for kind in kinds:
        titles.setdefault(kind.status, {})[kind.slug] = kind.title
    of_runtime = (KeyReused, *((AnswerNotKept,) if declaration.has_secret_response else ())) if route.mutates else ()
    for rejection in (*declaration.rejects, *of_runtime):
        titles.setdefault(rejection.status, {})[rejection.slug()] = rejection.title()
    if declaration.allow.roles:
        titles.setdefault(Forbidden.status, {}).setdefault(Forbidden.slug(), Forbidden.title())
    return titles


def problem_response(status: int, titles: Mapping[str, str]) -> dict[str, Any]:
    """`titles`: slug → title of the problems with that status."""
    examples = {
        slug: {"summary": title, "value": {"type": type_uri(slug), "title": title, "status": status}} for slug, title in sorted(titles.items())
    }
    return {
        "description": "; ".join(titles[slug] for slug in sorted(titles)),
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}},
    }
