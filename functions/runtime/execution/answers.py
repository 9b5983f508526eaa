"""A function's answer as it goes over the wire: the result, or a problem document."""

from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import BaseModel, TypeAdapter

from functions.kernel import Declaration, Rejection
from functions.wire.problems import rejection_document


@dataclass(frozen=True, slots=True)
class Answer:
    """`outcome`: done, rejected or failed. `status`: the HTTP status it suggests. `body`: JSON, empty if there is nothing to say."""

    outcome: str
    status: int
    body: bytes


def rejected(rejection: Rejection) -> Answer:
    return Answer("rejected", rejection.status, orjson.dumps(rejection_document(rejection)))


def failed(rejection: Rejection) -> Answer:
    """Nothing was done, and it is not the caller's fault."""
    return Answer("failed", rejection.status, orjson.dumps(rejection_document(rejection)))


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
