"""An answer as it goes over the wire: the result, or a problem document (RFC 9457). The one place where a rejection becomes one."""

from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError

from functions.kernel import Declaration, FieldError, Invalid, Rejection


@dataclass(frozen=True, slots=True)
class Answer:
    """`outcome`: done, rejected or failed. `status`: the HTTP status it suggests. `body`: JSON, empty if there is nothing to say."""

    outcome: str
    status: int
    body: bytes


def problem(rejection: Rejection) -> dict[str, Any]:
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


def rejected(rejection: Rejection) -> Answer:
    return Answer("rejected", rejection.status, orjson.dumps(problem(rejection)))


def failed(rejection: Rejection) -> Answer:
    """Nothing was done, and it is not the caller's fault."""
    return Answer("failed", rejection.status, orjson.dumps(problem(rejection)))


class ResponseEncoder:
    """Turns a use case's output into bytes; what to do is decided once, by the declared type."""

    def __init__(self, declaration: Declaration) -> None:
        self._status = declaration.answers
        self._adapter: TypeAdapter[Any] = TypeAdapter(declaration.output)

    def done(self, output: Any) -> Answer:
        if output is None:
            return Answer("done", self._status, b"")
        if isinstance(output, BaseModel):
            return Answer("done", self._status, output.__pydantic_serializer__.to_json(output, by_alias=True))
        return Answer("done", self._status, self._adapter.dump_json(output, by_alias=True))


def invalid(error: ValidationError) -> Invalid:
    """Every fault of the input at once, each with a JSON pointer to it."""
    faults = [
        FieldError("/" + "/".join(str(step).replace("~", "~0").replace("/", "~1") for step in fault["loc"]), fault["msg"])
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    where = ", ".join(fault.pointer.removeprefix("/") or "the body" for fault in faults)
    return Invalid(f"check {where}", errors=faults)
