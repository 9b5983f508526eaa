"""What a field section of HTTP/2 asks for (pure), as HTTP/1.1 says it to a pod: RFC 9113 section 8.3.

h2 refuses what section 8 calls malformed: upper case, headers of one connection, pseudo-headers that are missing or repeated, a Host that is not the
authority. What it lets pass and HTTP/1.1 reads in another way is refused here, because the bytes of one request must not become two.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from functions.wire.http_framing import UNKNOWN_METHOD
from functions.wire.http_limits import head_fault
from knative.local.serving.http.client import Headers
from knative.local.serving.http.framing import BadRequest

VERSION = "2"
_METHOD = re.compile(rb"[A-Z][A-Z-]{0,31}")
_TARGET = re.compile(rb"[\x21-\x7e\x80-\xff]+")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class Request:
    """`headers`: with `host`, without pseudo-headers; names in lower case. `fault`: why it is refused."""

    method: str
    target: str
    headers: Headers
    fault: BadRequest | None


def request_of(fields: Iterable[tuple[bytes, bytes]]) -> Request:
    pseudo: dict[bytes, bytes] = {}
    headers: Headers = []
    for name, value in fields:
        if name.startswith(b":"):
            pseudo[name] = value
        else:
            headers.append((name, value))
    if (authority := pseudo.get(b":authority")) is not None:
        headers = [(b"host", authority), *(each for each in headers if each[0] != b"host")]
    method, target = pseudo.get(b":method", b""), pseudo.get(b":path", b"*")
    fault = _fault(method, target, headers)
    return Request(method.decode("latin-1"), target.decode("latin-1"), headers, fault)


def _fault(method: bytes, target: bytes, headers: Headers) -> BadRequest | None:
    if (fault := head_fault(target, headers)) is not None:
        return BadRequest.of(fault)
    if not _METHOD.fullmatch(method):
        return BadRequest.of(UNKNOWN_METHOD)
    if not _TARGET.fullmatch(target) or not (target.startswith(b"/") or (target == b"*" and method in (b"OPTIONS", b"CONNECT"))):
        return BadRequest(400, f"The request target must be a path, not {target[:80].decode('latin-1')!r}.")
    for name, value in headers:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            return BadRequest(400, f"The header {name[:80].decode('latin-1')!r} has a character that HTTP does not allow.")
    if sum(name == b"content-length" for name, _ in headers) > 1:
        return BadRequest(400, "A request must not have several Content-Length headers.")
    return None
