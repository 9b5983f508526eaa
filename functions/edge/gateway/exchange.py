"""One request at the gateway, and what is reported of it: its line in the access log and its span."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.types import Scope

from functions.edge.gateway.metrics import METHODS
from functions.edge.gateway.responses import BytesResponse
from functions.edge.gateway.routing import Route
from functions.kernel import Caller
from functions.wire.cloudevents import stamp
from functions.wire.log_output import write_log_line
from functions.wire.trace_context import TraceContext
from functions.wire.tracing import Attribute, Span

SERVER_ERROR = 500


@dataclass(slots=True)
class Exchange:
    """What the gateway knows about one request before it parses it. `route`, `path_values`: as soon as they are found.

    `headers`: names in lower case; of a field that is repeated, the first value.
    """

    request: Request
    headers: Mapping[str, str]
    path: str
    method: str
    correlation_id: str
    at: datetime
    route: Route | None = None
    path_values: tuple[str, ...] = ()
    trace: TraceContext | None = None
    """Of the message, or of the request's span if traces are on."""


def headers_of(scope: Scope) -> dict[str, str]:
    """Return the header fields of a request, decoded once: Starlette's `Headers` searches all of them for each name."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}


def log_request(exchange: Exchange, response: BytesResponse, duration_ms: float, caller: Caller | None) -> None:
    """Write a line of the access log, the first one of a request's timeline. Without the query string: it may contain personal data."""
    write_log_line(
        {
            "log": "request",
            "at": stamp(exchange.at),
            "method": exchange.method,
            "path": exchange.path,
            "route": exchange.route.path if exchange.route else None,
            "status": response.status_code,
            "bytes": len(response.body),
            "ms": round(duration_ms, 2),
            "correlation": exchange.correlation_id,
            "actor": str(caller.user_id) if caller else None,
            "trace": exchange.trace.parent.split("-")[1] if exchange.trace else None,
        }
    )


def end_span(span: Span, exchange: Exchange, status: int) -> None:
    """End the span of a request (https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server)."""
    if span.context is None:
        return
    method = exchange.method if exchange.method in METHODS else "_OTHER"
    attributes: dict[str, Attribute] = {
        "http.request.method": method,
        "http.response.status_code": status,
        "capsule.correlation_id": exchange.correlation_id,
        **({"http.route": exchange.route.path, "url.path": exchange.path} if exchange.route else {}),
    }
    name = f"{method} {exchange.route.path}" if exchange.route else method
    span.end(attributes, f"status {status}" if status >= SERVER_ERROR else "", name)
