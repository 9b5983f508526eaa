"""Requests that no client of ours sends: each gets a problem document that says what is wrong, and nothing becomes a fault of the server."""

from typing import Any
from uuid import uuid4

import orjson
import pytest

from tests.fuzz.client import Request, send
from tests.fuzz.verdict import fault
from tests.gateway.live import Live

EMAIL = b'{"email": "%s", "password": "correct horse battery staple 9"}'


def problem(live: Live, first: bytes, *headers: bytes, body: bytes | None = None) -> dict[str, Any]:
    """Send method and target, and return the problem document of the answer."""
    method, _, target = first.partition(b" ")
    answer = send(live.url, Request(method.decode(), target, headers, body))
    assert fault(answer) == "" and answer is not None and answer.status >= 400, answer
    document: dict[str, Any] = orjson.loads(answer.body)
    return document


@pytest.mark.parametrize(
    ("first", "status"),
    [
        (b"TRACE /v1/users/me", 405),
        (b"PROPFIND /v1/users", 405),
        (b"PURGE /nothing", 404),
        (b"GET /v1/users%0A", 404),
        (b"GET /v1/users/me%0d%0aX:%20y", 404),
        (b"GET /%00", 404),
        (b"GET /%ff%fe", 404),
        (b"GET /%E2%82%AC/[a]|{b}^`", 404),
        (b"GET /a%2Fb%20c%22%3C%3E", 404),
        (b"GET /robots.txt", 404),
        (b"POST /favicon.ico", 404),
        (b"GET //v1//users", 404),
        (b"GET /v1/users/me?a=%00&a=%ff", 401),
    ],
)
def test_a_path_or_method_without_a_route(live: Live, first: bytes, status: int) -> None:
    assert problem(live, first)["status"] == status


@pytest.mark.parametrize(
    "header",
    [
        b"Authorization: Bearer \xff\xfe",
        b"Authorization: \xe9",
        b"Authorization: Bearer " + b"a.b." * 5000,
        b"Authorization: Bearer eyJhbGciOiJub25lIn0.e30.",
        b"X-Request-Id: \xff" + b"a" * 5000,
        b"Traceparent: 00-\xff-\xff-01",
        b"X-Forwarded-For: \xff, 1.2.3.4",
        b"If-None-Match: \xff",
        b"Origin: \xff",
        b"User-Agent: \xff" + b"\x80" * 3000,
        b"Accept: \xff",
    ],
)
def test_any_header_bytes(live: Live, header: bytes) -> None:
    assert problem(live, b"GET /v1/users/me", header)["status"] == 401


@pytest.mark.parametrize(
    "key", [b"", b" ", b"\xff" * 30, b"a" * 256, b"a b c d e f g h i j k l m", b"short"], ids=["empty", "space", "bytes", "long", "spaces", "short"]
)
def test_a_bad_idempotency_key_is_named(live: Live, key: bytes) -> None:
    body = EMAIL % f"{uuid4().hex}@example.org".encode()
    found = problem(live, b"POST /v1/users", b"Idempotency-Key: " + key, body=body)
    assert (found["status"], found["type"]) == (400, "/problems/invalid-idempotency-key")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[" * 100_000, 400),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 422),
        (b'{"email": ' + b"[" * 150 + b"]" * 150 + b"}", 422),
        (b'{"email": 1e999, "password": -1e999}', 422),
        (b'{"email": NaN}', 400),
        (b'{"email": ' + b"9" * 5000 + b"}", 422),
        (b'{"email": "a\\u0000@example.org", "password": "x"}', 422),
        (b'{"email": "\\ud800@example.org", "password": "correct horse battery staple 9"}', 400),
        (b'{"email": "\xff@example.org"}', 400),
        (b'{"\\u0000": 1, "email": "a"}', 422),
        (b'{"email": "a@b.c", "email": {"a": 1}, "__proto__": 1}', 422),
        (b"null", 422),
        (b'"text"', 422),
        (b"\xef\xbb\xbf{}", 400),
    ],
)
def test_any_body(live: Live, body: bytes, status: int) -> None:
    found = problem(live, b"POST /v1/users", body=body)
    assert found["status"] in (status, 400, 422), found
    assert found["detail"]


@pytest.mark.parametrize(
    "first", [b"GET /v1/users/me", b"DELETE /v1/sessions/%00", b"DELETE /v1/sessions/%ff", b"DELETE /v1/sessions/" + b"a" * 3000]
)
def test_ids_of_any_bytes_are_refused(live: Live, first: bytes) -> None:
    assert problem(live, first)["status"] in (401, 404, 405, 422)
