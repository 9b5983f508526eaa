"""Problem documents (RFC 9457) and JSON pointers (RFC 6901): how gateway and functions report errors.

A function's reply has a document without `instance` and `requestId`; the gateway adds them. `type` is a stable path of
the gateway, `/problems/<slug>`, where the type is documented. `retryAfter` (seconds) becomes the header Retry-After.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from functions.kernel import FieldError, Invalid, Location, Rejection, json_pointer

MEDIA_TYPE: Final = "application/problem+json"

_PYDANTIC_PREFIX = re.compile(r"^(Value error|Assertion failed), ")
_FIX_BY_STATUS: Final = {
    400: "Correct the request as `detail` says and send it again.",
    401: "Sign in and send the access token: `Authorization: Bearer …`.",
    402: "Change your plan, or pay the open invoice.",
    403: "Use an account that has this permission.",
    404: "Check the id or name. The list of the collection shows what exists.",
    409: "Read the current state, then decide whether to send the request again.",
    410: "It cannot be used any more. Request a new one.",
    422: "Correct the fields that `errors` or `detail` names and send the request again.",
    429: "Wait as many seconds as the header Retry-After says.",
    500: "Repeat the request with the same Idempotency-Key. If it fails again, report the request id.",
    503: "Repeat the request after as many seconds as the header Retry-After says.",
}


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of error. `cause`: when it occurs. `fix`: what the client can do."""

    slug: str
    status: int
    title: str
    cause: str
    fix: str

    @property
    def uri(self) -> str:
        return type_uri(self.slug)

    @classmethod
    def of(cls, rejection: type[Rejection]) -> "ProblemType":
        """Read the type from a rejection's docstring: title, then the fix, in its first paragraph; the cause in the others."""
        text = inspect.cleandoc(rejection.__doc__ or rejection.__name__)
        first, _, rest = text.partition("\n\n")
        title = rejection.title()
        fix = " ".join(first.split()).removeprefix(title).lstrip(". ")
        return cls(rejection.slug(), rejection.status, title, " ".join(rest.split()), fix or _FIX_BY_STATUS.get(rejection.status, ""))


INTERNAL_ERROR = ProblemType(
    "internal-error", 500, "Internal error",
    "The request failed because of an error in Capsule. It is logged under the request id.",
    "Repeat the request with the same Idempotency-Key. If it fails again, give `requestId` to your operator.",
)  # fmt: skip


def type_uri(slug: str) -> str:
    return f"/problems/{slug}"


def document(slug: str, title: str, status: int, detail: str, errors: Sequence[FieldError] = ()) -> dict[str, Any]:
    """Return a problem document. `errors` is an extension member (RFC 9457 section 3.2)."""
    members: dict[str, Any] = {"type": type_uri(slug), "title": title, "status": status, "detail": detail}
    if errors:
        members["errors"] = [{"pointer": error.pointer, "detail": error.detail, "in": error.location} for error in errors]
    return members


def rejection_document(rejection: Rejection) -> dict[str, Any]:
    """Return the problem document of a function's rejection."""
    members = document(rejection.slug(), rejection.title(), rejection.status, rejection.detail, rejection.errors) | rejection.secret_members
    if rejection.retry_after is not None:
        members["retryAfter"] = rejection.retry_after
    return members


def field_errors(error: ValidationError, location: Callable[[str | int], Location] = lambda name: "body") -> list[FieldError]:
    """Return every fault that pydantic found. Input values are left out: they may be secrets.

    `location` returns where the field with that name comes from.
    """
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        FieldError(json_pointer(_place(fault["loc"])), _PYDANTIC_PREFIX.sub("", fault["msg"]), location(fault["loc"][0] if fault["loc"] else ""))
        for fault in faults
    ]


def _place(path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Without the last step by which pydantic says that the name of a member is at fault, not its value: it is not in the document."""
    return path[:-1] if path and path[-1] == "[key]" else path


def invalid_input(error: ValidationError) -> Invalid:
    """Return the rejection of an input with every fault in it."""
    errors = field_errors(error)
    return Invalid(invalid_detail(errors), errors=errors)


def invalid_detail(errors: Iterable[FieldError]) -> str:
    """Return the detail of an invalid input: the fields at fault."""
    fields = dict.fromkeys(error.pointer.removeprefix("/") or "the body" for error in errors)
    return f"Invalid input: {', '.join(fields)}."
