"""Which requests the ingress reads on as another protocol (pure): RFC 9110 section 7.8. Framing: `functions.wire.http_framing`."""

from dataclasses import dataclass

import httptools

from functions.wire.http_framing import HTTP_2, framing_fault, parse_fault
from functions.wire.http_limits import MAX_TARGET_BYTES, TARGET_TOO_LONG, RequestFault, head_fault
from knative.local.serving.http.client import Headers
from knative.local.serving.http.forwarding import list_of


@dataclass(frozen=True, slots=True)
class BadRequest:
    """Why the ingress does not forward a request. `detail`: a sentence for the client."""

    status: int
    detail: str

    @classmethod
    def of(cls, fault: RequestFault) -> "BadRequest":
        return cls(fault.status, fault.detail)


def parser_fault(error: httptools.HttpParserError, target: bytes, data: bytes) -> BadRequest:
    """Return why a request cannot be parsed. `target`: what was read of it; `data`: what the parser was given."""
    if "PRI" in str(error):  # the preface of HTTP/2 (RFC 9113 section 3.4)
        return BadRequest.of(HTTP_2)
    if isinstance(error, httptools.HttpParserInvalidMethodError) and (fault := parse_fault(data)) is not None:
        return BadRequest.of(fault)
    return BadRequest.of(TARGET_TOO_LONG) if len(target) > MAX_TARGET_BYTES else BadRequest(400, f"The request is not HTTP/1.1: {error}.")


def request_fault(target: bytes, headers: Headers, version: str) -> BadRequest | None:
    """Return why a request with this head is refused, None if it is not."""
    fault = head_fault(target, headers) or framing_fault(version, headers)
    return None if fault is None else BadRequest.of(fault)


def is_websocket_request(method: str, version: str, headers: Headers) -> bool:
    """Return whether a request asks for a WebSocket (RFC 6455 section 4.1).

    Offers of other protocols are ignored, as RFC 9110 section 7.8 allows: HTTP clients offer h2c with ordinary requests (Java's with every one).
    """
    is_offered = version == "1.1" and "upgrade" in list_of(headers, b"connection") and "websocket" in list_of(headers, b"upgrade")
    return is_offered and method == "GET"
