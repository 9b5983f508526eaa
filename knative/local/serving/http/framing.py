"""Which requests the ingress reads on as another protocol (pure): RFC 9110 section 7.8. Framing: `functions.wire.http_framing`."""

from dataclasses import dataclass

from functions.wire.http_limits import RequestFault
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


def is_websocket_request(method: str, version: str, headers: Headers) -> bool:
    """Return whether a request asks for a WebSocket (RFC 6455 section 4.1).

    Offers of other protocols are ignored, as RFC 9110 section 7.8 allows: HTTP clients offer h2c with ordinary requests (Java's with every one).
    """
    is_offered = version == "1.1" and "upgrade" in list_of(headers, b"connection") and "websocket" in list_of(headers, b"upgrade")
    return is_offered and method == "GET"
