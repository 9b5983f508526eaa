"""HTTP responses: a function's reply, a problem document, or a page of the gateway's own.

A function's result passes through byte for byte, unless the client selects fields or uses a former version. Responses are
private and not stored by caches; only public documents (`/.well-known/`) may be cached for a few minutes.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import Any
from urllib.parse import quote

import orjson
from starlette.responses import Response

from functions.edge.gateway import fields, pagination
from functions.edge.gateway.problems import FAULT, MEDIA_TYPE, Problem
from functions.edge.gateway.routing import PARAMETER, Route, Table
from functions.kernel import Kind, names_operation
from functions.runtime.messaging.bus import Reply
from functions.wire.strict_transport import HSTS, is_for_host

JSON = (b"content-type", b"application/json")
PRIVATE = (b"cache-control", b"private, no-store")
REVALIDATED = (b"cache-control", b"private, no-cache")
PUBLIC = (b"cache-control", b"public, max-age=300")
VARY = (b"vary", b"Authorization, Origin")
SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-site"),
)
STRICT_TRANSPORT = (b"strict-transport-security", HSTS.encode())
NOTHING_LOADS = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")

PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

NOT_IN_HEADERS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
UNSAFE_IN_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]")
OPERATION_PATH = "/v1/operations/{operationId}"
CONTEXT_OPERATION_PATH = "/v1/operations/{context}/{{operationId}}"
"""Of a context with operations of its own. All others are those of deploy."""
RETRY_AFTER_SECONDS = 2
"""Default of a function's 503."""

Header = tuple[bytes, bytes]


def security_headers(host_header: str, strict: str | None) -> tuple[Header, ...]:
    """Return the headers of every response to a request to that host. `strict`: `Options.strict_host`."""
    return (*SECURITY, STRICT_TRANSPORT) if is_for_host(host_header, strict) else SECURITY


class BytesResponse(Response):
    """A response whose headers are bytes already, so that Starlette encodes and guesses nothing."""

    def __init__(self, status: int, body: bytes = b"", headers: list[Header] | None = None) -> None:
        self.status_code = status
        self.body = body
        self.background = None
        self.raw_headers = headers or []
        if status not in (204, 304):
            self.raw_headers.append((b"content-length", str(len(body)).encode()))

    def add(self, name: str, value: str) -> None:
        """Control characters, which a field cannot have (RFC 9110 section 5.5), become question marks."""
        self.raw_headers.append((name.encode(), NOT_IN_HEADERS.sub(b"?", value.encode("latin-1", "replace"))))

    def add_all(self, fields: Mapping[str, str]) -> None:
        for name, value in fields.items():
            self.add(name, value)


def problem_response(problem: Problem, instance: str, request_id: str) -> BytesResponse:
    headers = [(b"content-type", MEDIA_TYPE), PRIVATE, NOTHING_LOADS]
    response = BytesResponse(problem.kind.status, problem.document(path_reference(instance), request_id), headers)
    response.add_all(problem.headers)
    return response


def path_reference(path: str) -> str:
    """Return a decoded path as a URI reference (RFC 3986 section 4.2): `//a` would be the name of a host."""
    encoded = quote(path, safe="/!$&'()*+,;=:@~", errors="replace")
    return f"/%2F{encoded[2:]}" if encoded.startswith("//") else encoded


def json_response(document: Any, status: int = 200, cache: Header = PRIVATE) -> BytesResponse:
    return BytesResponse(status, orjson.dumps(document), [JSON, cache, NOTHING_LOADS])


def page(html: str, status: int = 200, policy: str = PAGE_POLICY) -> BytesResponse:
    """An HTML page. `policy`: its Content-Security-Policy."""
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-security-policy", policy.encode()), REVALIDATED]
    return BytesResponse(status, html.encode(), headers)


def etag_of(body: bytes) -> str:
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def is_unchanged(if_none_match: str | None, etag: str) -> bool:
    """Compare with If-None-Match, weakly (RFC 9110 section 13.1.2)."""
    if not if_none_match:
        return False
    return if_none_match.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]


@dataclass(frozen=True, slots=True)
class Request:
    """What a response depends on, beside the reply. `query`: the query string. `selection`: of fields; None has all."""

    route: Route
    path: str
    path_values: tuple[str, ...]
    request_id: str
    query: bytes = b""
    if_none_match: str | None = None
    selection: fields.Selection | None = None


class ReplyConverter:
    """Converts replies of functions. The addresses of created resources (Location) are derived from the routes once."""

    def __init__(self, table: Table) -> None:
        self._locations = {route.key: template for route in table.routes if (template := location_template(route, table.routes)) is not None}

    def to_response(self, request: Request, reply: Reply) -> BytesResponse:
        if reply.outcome == "done":
            return self._success(request, reply.status, reply.body)
        return refusal(reply, request.path, request.request_id)

    def _success(self, request: Request, status: int, body: bytes) -> BytesResponse:
        route = request.route
        if status == 204 or not body:
            return BytesResponse(204 if status == 200 else status, b"", [PRIVATE])
        if route.former is not None and route.former.to_response is not None:
            body = orjson.dumps(route.former.to_response(orjson.loads(body)))
        if route.declaration.kind is Kind.QUERY:
            return _query_response(request, status, body)
        content, content_headers = _decode_file(route.media_type, body) if route.media_type else (body, [JSON])
        response = BytesResponse(status, content, [*content_headers, PRIVATE, NOTHING_LOADS])
        if status in (201, 202) and route.key in self._locations:
            location = _fill(self._locations[route.key], dict(zip(route.path_names, request.path_values, strict=True)), body)
            if location:
                response.add("location", location)
        return response


def _query_response(request: Request, status: int, body: bytes) -> BytesResponse:
    """The response to a GET: with its ETag, and 304 if the client has it already (RFC 9110 section 13.1.2)."""
    route = request.route
    selected = body if request.selection is None else fields.select(route, request.selection, body)
    content, content_headers = _decode_file(route.media_type, body) if route.media_type else (selected, [JSON])
    etag = etag_of(content)
    headers = [*content_headers, PUBLIC if route.cacheable else REVALIDATED, VARY, NOTHING_LOADS, (b"etag", etag.encode())]
    is_known = is_unchanged(request.if_none_match, etag)
    response = BytesResponse(304, b"", headers) if is_known else BytesResponse(status, content, headers)
    if route.is_list:
        response.add("link", pagination.page_links(route, path_reference(request.path), request.query, body))
    return response


def refusal(refusal: Problem | Reply, instance: str, request_id: str) -> BytesResponse:
    """Complete a problem document with what only the gateway knows."""
    if isinstance(refusal, Problem):
        return problem_response(refusal, instance, request_id)
    reply = refusal
    try:
        members = orjson.loads(reply.body)
        if not isinstance(members, dict):
            raise ValueError("not an object")
    except ValueError:
        return problem_response(Problem(FAULT), instance, request_id)
    retry_after = members.pop("retryAfter", None)
    body = orjson.dumps({"type": "about:blank", "status": reply.status, **members, "instance": path_reference(instance), "requestId": request_id})
    response = BytesResponse(reply.status, body, [(b"content-type", MEDIA_TYPE), PRIVATE, NOTHING_LOADS])
    if retry_after is not None:
        response.add("retry-after", str(retry_after))
    elif reply.status == 503:
        response.add("retry-after", str(RETRY_AFTER_SECONDS))
    if reply.status == 401:
        response.add("www-authenticate", 'Bearer realm="capsule", error="invalid_token"')
    return response


def _decode_file(media_type: str, body: bytes) -> tuple[bytes, list[Header]]:
    """Return the bytes of a `kernel.File` and its headers. A browser may show it; saved, it has its name."""
    document = orjson.loads(body)
    name = UNSAFE_IN_FILE_NAME.sub("_", document["name"])
    headers = [(b"content-type", media_type.encode()), (b"content-disposition", f'inline; filename="{name}"'.encode())]
    return urlsafe_b64decode(document["content"]), headers


def location_template(route: Route, routes: Iterable[Route]) -> str | None:
    """Return the path of the operation that a command starts (RFC 9110 section 15.3.3), or else of what it creates: a GET below its own
    path, or of the same collection elsewhere, best of its version."""
    output_fields = getattr(route.output, "model_fields", {})
    if names_operation(route.declaration):
        own = CONTEXT_OPERATION_PATH.format(context=route.declaration.context)
        return own if any(other.path == own for other in routes) else OPERATION_PATH
    if route.method != "POST" or route.declaration.status not in (201, 202):
        return None
    collection = route.path.rsplit("/", 1)[-1]
    known_names = set(route.path_names) | {info.alias or name for name, info in output_fields.items()}
    version = route.path.split("/")[1]
    for other in sorted(routes, key=lambda other: (not other.path.startswith(route.path + "/{"), not other.path.startswith(f"/{version}/"))):
        head, _, last = other.path.rpartition("/")
        names = PARAMETER.findall(other.path)
        if other.method == "GET" and PARAMETER.fullmatch(last) and head.rsplit("/", 1)[-1] == collection and names:
            has_id = names[-1] in known_names or "id" in known_names
            if has_id and all(name in known_names for name in names[:-1]):
                return other.path
    return None


@cache
def _names(template: str) -> tuple[str, ...]:
    return tuple(PARAMETER.findall(template))


def _fill(template: str, path_values: Mapping[str, str], body: bytes) -> str | None:
    result = orjson.loads(body)
    if not isinstance(result, dict):
        return None
    names = _names(template)
    values = {**result, **path_values, names[-1]: result.get(names[-1], result.get("id"))}
    if any(values.get(name) is None for name in names):
        return None
    return PARAMETER.sub(lambda match: quote(str(values[match[1]]), safe=""), template)
