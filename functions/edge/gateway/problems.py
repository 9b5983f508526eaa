"""Problem documents (RFC 9457): the one place where a "no" becomes an HTTP error.

`type` is a stable path of the gateway, `/problems/<slug>`, which tells a person what it means. The gateway's own problems stand here; a
function's are its declared rejections, under the class's kebab-case name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import orjson

from functions.kernel import FieldError

MEDIA_TYPE = b"application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemType:
    slug: str
    status: int
    title: str
    explanation: str

    @property
    def uri(self) -> str:
        return f"/problems/{self.slug}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of the input: a JSON pointer and whether it points into the body, the path or the query."""

    pointer: str
    detail: str
    where: str = "body"

    def document(self) -> dict[str, str]:
        return {"pointer": self.pointer, "detail": self.detail, "in": self.where}


class Problem(Exception):
    """Ends a request with a problem document."""

    def __init__(
        self,
        kind: ProblemType,
        detail: str = "",
        *,
        errors: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail or kind.title)
        self.kind = kind
        self.detail = detail or kind.explanation
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["retry-after"] = str(retry_after)

    def document(self, instance: str, request_id: str) -> bytes:
        body: dict[str, Any] = {
            "type": self.kind.uri,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            "instance": instance,
            "requestId": request_id,
        }
        if self.errors:
            body["errors"] = [fault.document() for fault in self.errors]
        return orjson.dumps(body)


def challenge(detail: str, error: str = "") -> NoReturn:
    """401 with the challenge of RFC 6750: without `error` no credentials were shown, with it they were bad."""
    header = 'Bearer realm="capsule"' + (f', error="{error}", error_description="{detail}"' if error else "")
    raise Problem(UNAUTHENTICATED, detail, headers={"www-authenticate": header})


INVALID_JSON = ProblemType("invalid-json", 400, "The body is not JSON", "The request's body could not be read as a JSON document (RFC 8259, UTF-8).")
BAD_KEY = ProblemType(
    "invalid-idempotency-key",
    400,
    "The Idempotency-Key is not usable",
    "A key has 1 to 255 visible ASCII characters; a caller who is not signed in must choose an unguessable one of at least 20, such as a UUID.",
)
UNAUTHENTICATED = ProblemType(
    "unauthenticated", 401, "Sign in first", "The request needs a valid access token in its Authorization header: `Bearer …`."
)
NO_ROUTE = ProblemType("no-such-route", 404, "There is nothing at this address", "No function answers at this path. See /docs for those that do.")
NO_METHOD = ProblemType("method-not-allowed", 405, "This address takes other methods", "The header Allow lists the methods that this path takes.")
SLOW_BODY = ProblemType("request-timeout", 408, "The request took too long to arrive", "The body did not arrive in time.")
TOO_LARGE = ProblemType("body-too-large", 413, "The body is too large", "The request's body is longer than this gateway accepts.")
NOT_JSON = ProblemType(
    "unsupported-media-type", 415, "Send JSON", "The request's body must have the Content-Type application/json, in UTF-8 and not compressed."
)
INVALID = ProblemType("invalid", 422, "The input is not acceptable", "`errors` names each fault with a JSON pointer (RFC 6901) to its place.")
TOO_MANY = ProblemType("too-many-requests", 429, "Too many requests", "The header Retry-After says when to come back, in seconds.")
FAULT = ProblemType("internal-error", 500, "Something broke on our side", "The request id finds what happened in our logs.")
UNAVAILABLE = ProblemType(
    "unavailable", 503, "Not available right now", "Nothing was changed. Ask again after the time that the header Retry-After says."
)
OUTCOME_UNKNOWN = ProblemType(
    "outcome-unknown",
    504,
    "The outcome is unknown",
    "The request was taken and no answer came in time; it may still be carried out. Ask again with the same Idempotency-Key: it is carried out once.",
)
NO_ANSWER = ProblemType("no-answer", 504, "No answer in time", "The question was not answered in time. It changes nothing; ask again.")

OWN = {
    kind.slug: kind
    for kind in (
        INVALID_JSON, BAD_KEY, UNAUTHENTICATED, NO_ROUTE, NO_METHOD, SLOW_BODY, TOO_LARGE, NOT_JSON, INVALID, TOO_MANY, FAULT, UNAVAILABLE,
        OUTCOME_UNKNOWN, NO_ANSWER,
    )
}  # fmt: skip


def faults(errors: Sequence[FieldError]) -> list[Fault]:
    return [Fault(error.pointer, error.detail) for error in errors]


@dataclass(frozen=True)
class Documented:
    """A problem type as its page shows it."""

    kind: ProblemType
    functions: Sequence[str] = field(default_factory=tuple)
