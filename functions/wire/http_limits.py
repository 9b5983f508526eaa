"""Limits of a request's head and of waiting connections, the same at the gateway and at the ingress.

A client that has not signed in can hold memory and connections; nothing here depends on what it asks for.
"""

from dataclasses import dataclass

MAX_TARGET_BYTES = 32 << 10
"""Of a request target; more is a 414 (RFC 9110 section 15.5.15)."""
MAX_HEAD_BYTES = 64 << 10
"""Of a request's head, target and headers together; more is a 431 (RFC 6585 section 5)."""
MAX_HEADERS = 200
"""Fields of a head; more is a 431."""
HALF_CLOSED_SECONDS = 2.0
"""How long a response may take to begin after the client has closed its half of the connection. A client that has disconnected looks the same, and
must not hold the capacity of an application for long."""
DRAIN_IDLE_SECONDS = 1.0
"""How long a server that stops waits for a request on a connection without one: the client may be sending it."""
PROXY_DRAIN_IDLE_SECONDS = 0.2
"""The same, of a server behind a proxy on its machine, which stops sending requests before."""
HEAD_SECONDS = 15.0
"""From a connection's start, or a request's first byte, to the end of the head; longer is a 408 (RFC 9110 section 15.5.9)."""
BODY_SECONDS = 30.0
"""Without a byte of a body that the server is ready to read; longer is a 408. A slow upload that makes progress goes on."""
MIN_BODY_BYTES_PER_SECOND = 500
"""On average, of a body that the platform itself reads, from the 31st second on; slower is a 408. An application decides for itself."""
MAX_CONNECTIONS_PER_ADDRESS = 1024
"""At a time, of one client address; more are closed with a 503."""


@dataclass(frozen=True, slots=True)
class RequestFault:
    """Why a request is refused before it is complete. `detail`: a sentence for the client."""

    status: int
    title: str
    detail: str


TARGET_TOO_LONG = RequestFault(414, "The address is too long", f"The request target is longer than {MAX_TARGET_BYTES:,} bytes, the limit of one.")
HEAD_TOO_LARGE = RequestFault(
    431, "The headers are too large",
    f"The request's headers and target are larger than {MAX_HEAD_BYTES:,} bytes, the limit of one request.",
)  # fmt: skip
TOO_MANY_HEADERS = RequestFault(
    431, "There are too many headers", f"The request has more than {MAX_HEADERS} header fields, the limit of one request."
)
HEAD_TOO_SLOW = RequestFault(408, "The request did not arrive in time", f"The request's head was not complete after {HEAD_SECONDS:g} s.")
BODY_TOO_SLOW = RequestFault(408, "The request did not arrive in time", f"No byte of the request's body arrived for {BODY_SECONDS:g} s.")
BODY_RATE_TOO_LOW = RequestFault(
    408, "The request did not arrive in time", f"The request's body arrives more slowly than {MIN_BODY_BYTES_PER_SECOND} bytes a second."
)
TOO_MANY_CONNECTIONS = RequestFault(
    503, "Too many connections", f"Your address has more than {MAX_CONNECTIONS_PER_ADDRESS:,} connections here. Close some, or reuse them."
)


def incomplete_head_fault(target: bytes, head_bytes: int) -> RequestFault | None:
    """Return why a head that is not complete will not be read on. `head_bytes`: received so far."""
    if head_bytes <= MAX_HEAD_BYTES:
        return None
    return TARGET_TOO_LONG if len(target) > MAX_TARGET_BYTES else HEAD_TOO_LARGE


def head_fault(target: bytes, headers: list[tuple[bytes, bytes]]) -> RequestFault | None:
    """Return why a complete head is refused, None if it is not."""
    if len(target) > MAX_TARGET_BYTES:
        return TARGET_TOO_LONG
    if len(headers) > MAX_HEADERS:
        return TOO_MANY_HEADERS
    size = len(target) + sum(len(name) + len(value) for name, value in headers)
    return HEAD_TOO_LARGE if size > MAX_HEAD_BYTES else None
