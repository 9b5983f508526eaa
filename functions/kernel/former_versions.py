"""Former versions of a route that still answer, beside the current one.

A function has one shape, the current one. Where a route gets another shape, its path gets the next version, and the
declaration says how a client of the former version is served:

    @upcasts("monitor.logs", from_=1)
    def rename_fields(payload: Payload) -> Payload: ...

    @query(
        http="GET /v2/apps/{application_id}/logs",
        version=2,
        former=[FormerVersion("GET /v1/apps/{application_id}/logs", request=ReadLogsV1, deprecated_on=date(2026, 12, 1))],
        …
    )

Requests: the gateway validates them with `request` and sends them with the former version number, and the function converts
them with `@upcasts`, as it does with messages that were sent before a deployment. Responses: `to_response` converts the
current JSON object to the former one, and `response` is its model. Rejections have one shape in all versions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from pydantic import BaseModel

from functions.kernel.versions import Payload


@dataclass(frozen=True, slots=True)
class FormerVersion:
    """`http`: as in the declaration. `deprecated_on`: of the header Deprecation (RFC 9745). `sunset_on`: when it stops, of Sunset (RFC 8594).

    `version`: of the input that it takes; only of use with `request`, the model of that input. Without `request` its input is
    the current one. `to_response` is pure: from the current JSON object to the former one, which `response` describes.
    `documentation`: a page about the change, for `Link` with `rel="deprecation"`.
    """

    http: str
    deprecated_on: date
    sunset_on: date | None = None
    version: int = 1
    request: type[BaseModel] | None = None
    response: type[BaseModel] | None = None
    to_response: Callable[[Payload], Payload] | None = None
    documentation: str = "/docs"

    def __post_init__(self) -> None:
        if (self.response is None) != (self.to_response is None):
            raise TypeError(f"FormerVersion({self.http!r}): `response` and `to_response` belong together")
        if self.sunset_on is not None and self.sunset_on <= self.deprecated_on:
            raise TypeError(f"FormerVersion({self.http!r}): the sunset {self.sunset_on} is not after the deprecation {self.deprecated_on}")
