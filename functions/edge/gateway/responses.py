"""From a function's reply, or the gateway's own word, to an HTTP response.

A result's bytes pass through as the function wrote them. Everything is private and unstored by default; what is public by nature (a
`/.well-known/` document) may be kept by caches for a few minutes.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson
from starlette.responses import Response

from functions.edge.gateway.problems import FAULT, MEDIA_TYPE, Problem
from functions.edge.gateway.routing import PARAMETER, Route, Table
from functions.kernel import Kind
from functions.runtime.messaging.bus import Reply

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
NOTHING_LOADS = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")

UNSAFE = re.compile(r"[^A-Za-z0-9._-]")  # in the name of a file

Header = tuple[bytes, bytes]


class Answer(Response):
    """A response whose headers are already bytes: nothing is encoded or guessed on the way out."""

    def __init__(self, status: int, body: bytes = b"", headers: list[Header] | None = None) -> None:
        self.status_code = status
        self.body = body
        self.background = None
        self.raw_headers = headers or []
        if status not in (204, 304):
            self.raw_headers.append((b"content-length", str(len(body)).encode()))

    def add(self, name: str, value: str) -> None:
        self.raw_headers.append((name.encode(), value.encode("latin-1", "replace")))


def of_problem(problem: Problem, instance: str, request_id: str) -> Answer:
    answer = Answer(problem.kind.status, problem.document(instance, request_id), [(b"content-type", MEDIA_TYPE), PRIVATE, NOTHING_LOADS])
    for name, value in problem.headers.items():
        answer.add(name, value)
    return answer


def json_answer(document: Any, status: int = 200, cache: Header = PRIVATE) -> Answer:
    return Answer(status, orjson.dumps(document), [JSON, cache, NOTHING_LOADS])


def page(html: str, status: int = 200, policy: str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'") -> Answer:
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-security-policy", policy.encode()), REVALIDATED]
    return Answer(status, html.encode(), headers)


def etag_of(body: bytes) -> str:
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def unchanged(if_none_match: str | None, etag: str) -> bool:
    if not if_none_match:
        return False
    return if_none_match.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]


class Replies:
    """Answers of functions; `locations` are the addresses of what a command makes, worked out once from the routes."""

    def __init__(self, table: Table) -> None:
        self._locations = {route.name: found for route in table.routes if (found := _location_of(route, table)) is not None}

    def answer(self, route: Route, reply: Reply, path_values: tuple[str, ...], if_none_match: str | None, instance: str, request_id: str) -> Answer:
        if reply.outcome == "done":
            return self._done(route, reply, path_values, if_none_match)
        return _refused(reply, instance, request_id)

    def _done(self, route: Route, reply: Reply, path_values: tuple[str, ...], if_none_match: str | None) -> Answer:
        status, body = reply.status, reply.body
        if status == 204 or not body:
            return Answer(204 if status == 200 else status, b"", [PRIVATE])
        content, described = _file(route.media_type, body) if route.media_type else (body, [JSON])
        if route.declaration.kind is Kind.QUERY:
            etag = etag_of(content)
            headers = [*described, PUBLIC if route.cacheable else REVALIDATED, VARY, NOTHING_LOADS, (b"etag", etag.encode())]
            return Answer(304, b"", headers) if unchanged(if_none_match, etag) else Answer(status, content, headers)
        answer = Answer(status, content, [*described, PRIVATE, NOTHING_LOADS])
        if status in (201, 202) and route.name in self._locations:
            location = _fill(self._locations[route.name], dict(zip(route.path_names, path_values, strict=True)), body)
            if location:
                answer.add("location", location)
        return answer


def _refused(reply: Reply, instance: str, request_id: str) -> Answer:
    """A function's problem document, completed by what only the gateway knows."""
    try:
        document = orjson.loads(reply.body)
        if not isinstance(document, dict):
            raise ValueError("not an object")
    except ValueError:
        return of_problem(Problem(FAULT), instance, request_id)
    retry_after = document.pop("retryAfter", None)
    errors = document.get("errors")
    if isinstance(errors, list):
        document["errors"] = [{"in": "body", **fault} if isinstance(fault, dict) else fault for fault in errors]
    body = orjson.dumps({"type": "about:blank", "status": reply.status, **document, "instance": instance, "requestId": request_id})
    answer = Answer(reply.status, body, [(b"content-type", MEDIA_TYPE), PRIVATE, NOTHING_LOADS])
    if retry_after is not None:
        answer.add("retry-after", str(retry_after))
    elif reply.status == 503:
        answer.add("retry-after", "2")
    if reply.status == 401:
        answer.add("www-authenticate", 'Bearer realm="capsule", error="invalid_token"')
    return answer


def _file(media_type: str, body: bytes) -> tuple[bytes, list[Header]]:
    """The bytes of a `kernel.File`, and the headers that say what they are. A browser may show it; saved, it has its name."""
    document = orjson.loads(body)
    name = UNSAFE.sub("_", document["name"])
    headers = [(b"content-type", media_type.encode()), (b"content-disposition", f'inline; filename="{name}"'.encode())]
    return urlsafe_b64decode(document["content"]), headers


def _location_of(route: Route, table: Table) -> str | None:
    """The path at which one can look at what this command makes: a GET below its own path, or of the same collection elsewhere."""
    if route.method != "POST" or route.declaration.status not in (201, 202):
        return None
    collection = route.path.rsplit("/", 1)[-1]
    made = getattr(route.declaration.output, "model_fields", {})
    known = set(route.path_names) | {info.alias or name for name, info in made.items()}
    for other in sorted(table.routes, key=lambda other: not other.path.startswith(route.path + "/{")):
        head, _, last = other.path.rpartition("/")
        names = PARAMETER.findall(other.path)
        if other.method == "GET" and PARAMETER.fullmatch(last) and head.rsplit("/", 1)[-1] == collection and names:
            own = names[-1] in known or "id" in known
            if own and all(name in known for name in names[:-1]):
                return other.path
    return None


def _fill(template: str, values: Mapping[str, str], body: bytes) -> str | None:
    made = orjson.loads(body)
    if not isinstance(made, dict):
        return None
    last = PARAMETER.findall(template)[-1]
    known = {**made, **values, last: made.get(last, made.get("id"))}
    if any(known.get(name) is None for name in PARAMETER.findall(template)):
        return None
    return PARAMETER.sub(lambda found: str(known[found[1]]), template)
