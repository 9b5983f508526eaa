"""What a request's head says about its protocol, its host and where its body ends (pure): the same at the gateway and at the ingress.

A request that two servers could read differently is refused, not interpreted: the bytes that one takes for a body, the other would take for
another request.
"""

import re
from collections.abc import Iterable
from http import HTTPMethod

from functions.wire.http_limits import RequestFault

Headers = Iterable[tuple[bytes, bytes]]
"""Names in lower case."""

HTTP_2 = RequestFault(505, "HTTP/2 is not supported", "HTTP/2 is not supported on this port: use HTTP/1.1.")
OTHER_VERSION_TITLE = "This version of HTTP is not supported"
CODING_OF_HTTP_1_0 = RequestFault(400, "Bad Request", "HTTP/1.0 has no Transfer-Encoding: send Content-Length, or use HTTP/1.1.")
TWO_LENGTHS = RequestFault(400, "Bad Request", "A request must not have both Content-Length and Transfer-Encoding.")
UNKNOWN_METHOD = RequestFault(501, "The method is not supported", "HTTP servers know no such method. Methods are in upper case.")

KNOWN_METHODS = frozenset(method.value.encode() for method in HTTPMethod)

_REQUEST_LINE = re.compile(rb"[\r\n]*([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}) [\x21-\x7e]+ HTTP/1\.[01]\r\n")


def framing_fault(version: str, headers: Headers) -> RequestFault | None:
    """Return why the end of the request cannot be known for sure, None if it can (RFC 9112 sections 2.5 and 6.1)."""
    if version not in ("1.0", "1.1"):
        return HTTP_2 if version.startswith("2") else RequestFault(505, OTHER_VERSION_TITLE, f"HTTP/{version} is not supported: use HTTP/1.1.")
    headers = list(headers)
    codings = [coding.strip().lower() for name, value in headers if name == b"transfer-encoding" for coding in value.decode("latin-1").split(",")]
    if not codings:
        return None
    if version == "1.0":
        return CODING_OF_HTTP_1_0
    if any(name == b"content-length" for name, _ in headers):
        return TWO_LENGTHS
    if codings != ["chunked"]:
        named = ", ".join(codings)[:80]
        return RequestFault(501, "The transfer coding is not supported", f'Transfer-Encoding must be "chunked", not {named!r}.')
    return None


def host_fault(version: str, headers: Headers) -> RequestFault | None:
    """Return why it is not known which host the request is for, None if it is (RFC 9112 section 3.2)."""
    count = sum(name == b"host" for name, _ in headers)
    if count == 1 or (not count and version == "1.0"):
        return None
    return RequestFault(400, "The request must name one host", f"A request must have exactly one Host header; this one has {count}.")


def parse_fault(data: bytes) -> RequestFault | None:
    """Return why a parser that knows the registered methods refuses the bytes at the beginning of a request, None if it is not for the method
    (RFC 9110 section 9.1). A known method begins an earlier request of the same bytes."""
    line = _REQUEST_LINE.match(data)
    return UNKNOWN_METHOD if line is not None and line[1] not in KNOWN_METHODS else None
