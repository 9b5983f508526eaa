"""Responses as they are sent: a result, or a problem document."""

from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import BaseModel, TypeAdapter

from functions.kernel import Declaration, Rejection
from functions.wire.problems import rejection_document

MAX_LOGGED_DETAIL = 500
"""Characters."""


@dataclass(frozen=True, slots=True)
class Response:
    """`outcome`: done, rejected or failed. `status`: the HTTP status it suggests. `body`: JSON, or empty. `is_secret`: neither stored nor logged.

    `reason`: the kind of rejection, such as `wrong-credentials`."""

    outcome: str
    status: int
    body: bytes
    is_secret: bool = False
    reason: str | None = None

    @property
    def log_detail(self) -> str:
        """What the execution log says about it: nothing, or the beginning of the problem."""
        return "" if self.outcome == "done" or self.is_secret else self.body.decode()[:MAX_LOGGED_DETAIL]


def rejected(rejection: Rejection) -> Response:
    return Response("rejected", rejection.status, orjson.dumps(rejection_document(rejection)), bool(rejection.secret_members), rejection.slug())


def failed(rejection: Rejection) -> Response:
    """For failures that are not the caller's fault. Nothing was done."""
    return Response("failed", rejection.status, orjson.dumps(rejection_document(rejection)))


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
