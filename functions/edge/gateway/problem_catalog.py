"""The content of `/problems`: every problem type with cause, fix, example and the endpoints that return it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.edge.gateway.problems import INVALID, OWN
from functions.edge.gateway.routing import route_of
from functions.kernel import Conflict, Declaration, FieldError, Forbidden, Gone, NotFound, PaymentRequired, Rejection
from functions.runtime.execution.failures import InternalError
from functions.runtime.execution.results import AnswerNotKept, KeyReused
from functions.wire.problems import ProblemType, document, invalid_detail

COMMON_REJECTIONS: tuple[type[Rejection], ...] = (Conflict, Forbidden, Gone, NotFound, PaymentRequired, InternalError, KeyReused, AnswerNotKept)
"""Those that functions do not declare: general ones, and the runtime's."""
SAMPLE_ERRORS = (
    FieldError("/count", "Input should be a valid integer, unable to parse string as an integer"),
    FieldError("/colour", "is not a field of this request"),
)
SAMPLE_REQUEST_ID = "019a2f6e-6c52-7a3f-9d53-3c1f0f5f1c9e"


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """`endpoints`: `METHOD /path`, of those that declare it; empty for what any endpoint may return."""

    kind: ProblemType
    endpoints: Sequence[str] = ()

    @property
    def example(self) -> str:
        """A problem document of this type, as indented JSON."""
        kind = self.kind
        path = self.endpoints[0].partition(" ")[2] if self.endpoints else "/v1/…"
        errors = SAMPLE_ERRORS if kind is INVALID else ()
        detail = invalid_detail(errors) if errors else kind.cause or f"{kind.title}."
        members = document(kind.slug, kind.title, kind.status, detail, errors)
        return json.dumps({**members, "instance": path, "requestId": SAMPLE_REQUEST_ID}, indent=2, ensure_ascii=False)

    def to_json(self) -> dict[str, Any]:
        kind = self.kind
        return {
            "type": kind.uri,
            "status": kind.status,
            "title": kind.title,
            "cause": kind.cause,
            "fix": kind.fix,
            "endpoints": list(self.endpoints),
        }


def problem_catalog(declarations: Iterable[Declaration]) -> Mapping[str, CatalogEntry]:
    """Return every problem type by slug, sorted: the gateway's own, the runtime's, and the declared rejections."""
    kinds = dict(OWN)
    endpoints: dict[str, set[str]] = {}
    for rejection in COMMON_REJECTIONS:
        kinds.setdefault(rejection.slug(), ProblemType.of(rejection))
    for declaration in declarations:
        route = route_of(declaration)
        for rejection in declaration.rejects:
            kinds.setdefault(rejection.slug(), ProblemType.of(rejection))
            if route is not None:
                endpoints.setdefault(rejection.slug(), set()).add(f"{route.method} {route.path}")
    return {slug: CatalogEntry(kind, sorted(endpoints.get(slug, ()))) for slug, kind in sorted(kinds.items())}
