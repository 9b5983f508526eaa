"""What a request's head says about its body and its connection (pure): RFC 9112 section 6, RFC 9110 section 7.8."""

from dataclasses import dataclass

import httptools

from functions.wire.http_limits import MAX_TARGET_BYTES, TARGET_TOO_LONG, RequestFault, head_fault
from knative.local.serving.http.client import Headers
from knative.local.serving.http.forwarding import list_of


@dataclass(frozen=True, slots=True)
class BadRequest:
    """Why the ingress does not forward a request. `detail`: a sentence for the client."""

    status: int
    detail: str


HTTP_2 = BadRequest(505, "HTTP/2 is not supported on this port: use HTTP/1.1.")


def bad_request(fault: RequestFault) -> BadRequest:
    return BadRequest(fault.status, fault.detail)


def parser_fault(error: httptools.HttpParserError, target: bytes) -> BadRequest:
    """Return why a request cannot be parsed. `target`: what was read of it."""
    if "PRI" in str(error):  # the preface of HTTP/2 (RFC 9113 section 3.4)
        return HTTP_2
    return bad_request(TARGET_TOO_LONG) if len(target) > MAX_TARGET_BYTES else BadRequest(400, f"The request is not HTTP/1.1: {error}.")


def request_fault(target: bytes, headers: Headers, version: str) -> BadRequest | None:
    """Return why a request with this head is refused, None if it is not."""
    fault = head_fault(target, headers)
    return bad_request(fault) if fault is not None else check_framing(version, headers)


def check_framing(version: str, headers: Headers) -> BadRequest | None:
    """Return why the end of the request cannot be known for sure, None if it can."""
    if version not in ("1.0", "1.1"):
        return HTTP_2 if version.startswith("2") else BadRequest(505, f"HTTP/{version} is not supported: use HTTP/1.1.")
    if not any(name == b"transfer-encoding" for name, _ in headers):
        return None
    if version == "1.0":
        return BadRequest(400, "HTTP/1.0 has no Transfer-Encoding: send Content-Length, or use HTTP/1.1.")
    if any(name == b"content-length" for name, _ in headers):
        return BadRequest(400, "A request must not have both Content-Length and Transfer-Encoding.")
    codings = list_of(headers, b"transfer-encoding")
    if codings != ["chunked"]:
        return BadRequest(501, f'Transfer-Encoding must be "chunked", not {", ".join(codings)[:80]!r}.')
    return None


def is_websocket_request(method: str, version: str, headers: Headers) -> bool:
    """Return whether a request asks for a WebSocket (RFC 6455 section 4.1).

    Offers of other protocols are ignored, as RFC 9110 section 7.8 allows: HTTP clients offer h2c with ordinary requests (Java's with every one).
    """
    is_offered = version == "1.1" and "upgrade" in list_of(headers, b"connection") and "websocket" in list_of(headers, b"upgrade")
    return is_offered and method == "GET"
