"""The gateway's own problem types, and the exception that ends a request with one.

The types of functions are their declared rejections (`ProblemType.of`).
"""

from collections.abc import Mapping, Sequence
from typing import NoReturn

import orjson

from functions.kernel import FieldError
from functions.wire import problems
from functions.wire.http_limits import BODY_SECONDS, HEAD_SECONDS, MAX_HEAD_BYTES, MAX_HEADERS, MAX_TARGET_BYTES, MIN_BODY_BYTES_PER_SECOND
from functions.wire.problems import INTERNAL_ERROR, ProblemType

MEDIA_TYPE = problems.MEDIA_TYPE.encode()


class Problem(Exception):
    """Ends a request with a problem document. `detail` defaults to the cause of the type."""

    def __init__(
        self,
        kind: ProblemType,
        detail: str = "",
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail or kind.title)
        self.kind = kind
        self.detail = detail or kind.cause
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["retry-after"] = str(retry_after)

    def document(self, instance: str, request_id: str) -> bytes:
        kind = self.kind
        members = problems.document(kind.slug, kind.title, kind.status, self.detail, self.errors)
        return orjson.dumps({**members, "instance": instance, "requestId": request_id})


def challenge(detail: str, error: str = "") -> NoReturn:
    """Raise Problem 401 with a Bearer challenge (RFC 6750 section 3). `error` is empty if the request has no token."""
    header = 'Bearer realm="capsule"' + (f', error="{error}", error_description="{detail}"' if error else "")
    raise Problem(UNAUTHENTICATED, detail, headers={"www-authenticate": header})


INVALID_JSON = ProblemType(
    "invalid-json", 400, "The body is not JSON",
    "The body is not a JSON document in UTF-8 (RFC 8259). `detail` has the line and column.",
    "Correct the syntax. Shells often remove quotes: write the body to a file and send it with `curl --data @body.json`.",
)  # fmt: skip
BAD_KEY = ProblemType(
    "invalid-idempotency-key", 400, "The Idempotency-Key is not valid",
    "A key has 1 to 255 visible ASCII characters, and at least 20 in a request without an access token.",
    "Use a random UUID as the key of each new request, and the same key when you repeat it.",
)  # fmt: skip
PRECONDITION = ProblemType(
    "precondition-not-supported", 400, "Preconditions of changes are not supported",
    "The request changes something and has `If-Match`, `If-None-Match` or `If-Unmodified-Since`. Nothing was changed.",
    "Leave the header out. Read the current state right before the change; an `Idempotency-Key` makes repeating it safe.",
)  # fmt: skip
UNKNOWN_FIELD = ProblemType(
    "unknown-field", 400, "The response has no such field",
    "The query parameter `fields` names a field that the response does not have. `detail` lists the fields that it has.",
    "Correct the name, or leave `fields` out: /docs lists the fields of each response.",
)  # fmt: skip
UNAUTHENTICATED = ProblemType(
    "unauthenticated", 401, "Sign in first",
    "The request has no access token, or the token is expired, revoked or not valid.",
    "Sign in with `POST /v1/sessions` and send the token: `Authorization: Bearer …`. Refresh an expired one with `POST /v1/sessions/refresh`.",
)  # fmt: skip
NO_ROUTE = ProblemType(
    "no-such-route", 404, "There is nothing at this address",
    "No endpoint has this path. A slash at the end counts.",
    "Compare the path with the list at /docs.",
)  # fmt: skip
NO_METHOD = ProblemType(
    "method-not-allowed", 405, "The address does not support this method",
    "The path exists with other methods.",
    "Use a method that the header Allow lists.",
)  # fmt: skip
MALFORMED = ProblemType(
    "malformed-request", 400, "The request is not HTTP/1.1",
    "The bytes that arrived are not a request of HTTP/1.1 (RFC 9112), or it has no `Host` header, several, or contradictory lengths.",
    "Use an HTTP client, and `http://` unless a proxy in front of the gateway has a certificate.",
)  # fmt: skip
NOT_IMPLEMENTED = ProblemType(
    "not-implemented", 501, "The method or transfer coding is not supported",
    "The method is none that HTTP servers know, or the body has a transfer coding other than `chunked`.",
    "Write the method in upper case, and send the body uncompressed, with `Content-Length` or `Transfer-Encoding: chunked`.",
)  # fmt: skip
WRONG_VERSION = ProblemType(
    "http-version-not-supported", 505, "This version of HTTP is not supported",
    "The gateway speaks HTTP/1.1 and HTTP/1.0. Proxies in front of it may speak others to clients.",
    "Use HTTP/1.1: `curl --http1.1`.",
)  # fmt: skip
TARGET_TOO_LONG = ProblemType(
    "target-too-long", 414, "The address is too long",
    f"Path and query together are longer than {MAX_TARGET_BYTES:,} bytes.",
    "Send less in the query.",
)  # fmt: skip
HEADERS_TOO_LARGE = ProblemType(
    "headers-too-large", 431, "The headers are too large",
    f"There are more than {MAX_HEADERS} header fields, or more than {MAX_HEAD_BYTES:,} bytes of them.",
    "Send fewer and shorter headers, cookies before all.",
)  # fmt: skip
SLOW_BODY = ProblemType(
    "request-timeout", 408, "The request did not arrive in time",
    f"The headers were not complete after {HEAD_SECONDS:g} seconds. Or nothing of the body arrived for {BODY_SECONDS:g} seconds, or less than"
    f" {MIN_BODY_BYTES_PER_SECOND} bytes a second after that. Or the client closed the connection.",
    "Send the request again. Behind a proxy, check its timeouts.",
)  # fmt: skip
TOO_LARGE = ProblemType(
    "body-too-large", 413, "The body is too large",
    "The body is longer than the gateway accepts: 1 MiB, unless an operator has set CAPSULE_GATEWAY_BODY_LIMIT.",
    "Send less in one request.",
)  # fmt: skip
NOT_JSON = ProblemType(
    "unsupported-media-type", 415, "The body must be JSON",
    "The body has another content type than `application/json`, another charset than UTF-8, or is compressed.",
    "Send `Content-Type: application/json` and an uncompressed body in UTF-8.",
)  # fmt: skip
INVALID = ProblemType(
    "invalid", 422, "The input is not valid",
    "Fields are missing, unknown or have a value that is not allowed. `errors` lists all of them with JSON pointers (RFC 6901).",
    "Correct every field in `errors` and send the request again. /docs lists the fields of each endpoint.",
)  # fmt: skip
TOO_MANY = ProblemType(
    "too-many-requests", 429, "Too many requests",
    "An address, an account or a session sent more requests than a rate limit allows, or has too many in progress. `detail` names the limit.",
    "Wait as many seconds as the header Retry-After says. `RateLimit` says how many requests are left, `RateLimit-Policy` how many there are.",
)  # fmt: skip
FAULT = INTERNAL_ERROR
UNAVAILABLE = ProblemType(
    "unavailable", 503, "Temporarily unavailable",
    "A part of Capsule is down or overloaded. Nothing was changed.",
    "Repeat the request after as many seconds as the header Retry-After says.",
)  # fmt: skip
OUTCOME_UNKNOWN = ProblemType(
    "outcome-unknown", 504, "The outcome is unknown",
    "The request was sent and no reply came in time. It may still take effect.",
    "Repeat the request with the same Idempotency-Key: it takes effect once. Without a key, read the current state first.",
)  # fmt: skip
NO_ANSWER = ProblemType(
    "no-answer", 504, "No reply in time",
    "The query had no reply in time. Queries change nothing.",
    "Repeat the request.",
)  # fmt: skip

OWN = {
    kind.slug: kind
    for kind in (
        INVALID_JSON, BAD_KEY, UNAUTHENTICATED, NO_ROUTE, NO_METHOD, SLOW_BODY, TOO_LARGE, NOT_JSON, INVALID, TOO_MANY, FAULT, UNAVAILABLE,
        MALFORMED, TARGET_TOO_LONG, HEADERS_TOO_LARGE, UNKNOWN_FIELD, PRECONDITION, NOT_IMPLEMENTED, WRONG_VERSION,
        OUTCOME_UNKNOWN, NO_ANSWER,
    )
}  # fmt: skip
"""The gateway's own types, by slug."""
