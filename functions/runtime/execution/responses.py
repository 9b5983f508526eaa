"""Responses as they are sent: a result, or a problem document (RFC 9457). The one place where a rejection becomes one."""

from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError

from functions.kernel import Declaration, FieldError, Invalid, Rejection


@dataclass(frozen=True, slots=True)
class Response:
    """`outcome`: done, rejected or failed. `status`: the HTTP status it suggests. `body`: JSON, or empty."""

    outcome: str
    status: int
    body: bytes


def problem_document(rejection: Rejection) -> dict[str, Any]:
    document: dict[str, Any] = {
        "type": f"/problems/{rejection.slug()}",
        "title": rejection.title(),
        "status": rejection.status,
        "detail": rejection.detail,
    }
    if rejection.errors:
        document["errors"] = [{"pointer": error.pointer, "detail": error.detail} for error in rejection.errors]
    if rejection.retry_after is not None:
        document["retryAfter"] = rejection.retry_after
    return document


def rejected(rejection: Rejection) -> Response:
    return Response("rejected", rejection.status, orjson.dumps(problem_document(rejection)))


def failed(rejection: Rejection) -> Response:
    """For failures that are not the caller's fault. Nothing was done."""
    return Response("failed", rejection.status, orjson.dumps(problem_document(rejection)))


class ResponseEncoder:
    """Encodes the output of one function, by its declared type."""

    def __init__(self, declaration: Declaration) -> None:
        self._status = declaration.status
        self._adapter: TypeAdapter[Any] = TypeAdapter(declaration.output)

    def done(self, output: Any) -> Response:
        if output is None:
            return Response("done", self._status, b"")
        if isinstance(output, BaseModel):
            return Response("done", self._status, output.__pydantic_serializer__.to_json(output, by_alias=True))
        return Response("done", self._status, self._adapter.dump_json(output, by_alias=True))


def invalid_input(error: ValidationError) -> Invalid:
    """Return the rejection of an invalid input, with a JSON pointer to each invalid field."""
    errors = [
        FieldError("/" + "/".join(str(step).replace("~", "~0").replace("/", "~1") for step in fault["loc"]), fault["msg"])
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    fields = ", ".join(each.pointer.removeprefix("/") or "the body" for each in errors)
    return Invalid(f"check {fields}", errors=errors)
