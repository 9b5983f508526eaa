"""Which headers pass from a client to a pod and back (pure): RFC 9110 section 7.6.

What belongs to one connection stays on it: the hop-by-hop headers, all that a Connection header names, and trailers, which RFC 9110 section 6.5.1
lets a recipient discard. A header is compared as CGI would read it, `_` like `-`: WSGI servers do not tell `x_forwarded_for` from `x-forwarded-for`.
"""

from collections.abc import Iterable, Sequence
from functools import cache

from functions.wire.health_checks import HEADER as HEALTH_CHECK
from knative.local.serving.http.client import Headers

HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"proxy-authorization")
)
"""Headers that are not forwarded (RFC 9110 section 7.6.1)."""
FRAMING = frozenset((b"content-length",))
"""A Connection header that names them is at fault: without them the next bytes would be read as another message."""
OWN = frozenset((b"host", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"))
"""Headers of a request that the ingress writes."""
READ = frozenset((HEALTH_CHECK.encode(),))
"""Headers that are for the ingress. No pod sees them: it could send them again."""
OWN_OR_READ = OWN | READ
KNATIVE_PREFIXES = (b"k-", b"k_", b"knative-", b"knative_")
"""Knative's own headers, which clients must not set, with `_` like `-`."""
FORWARDED = OWN - {b"host"}


def values(headers: Headers, name: bytes) -> list[str]:
    """Return the values of all headers of a name, in order. Names are in lower case."""
    return [value.decode("latin-1") for each, value in headers if each == name]


def list_of(headers: Headers, name: bytes) -> list[str]:
    """Return the members of a list that one or several headers hold (RFC 9110 section 5.6.1), in lower case."""
    return [member.strip().lower() for value in values(headers, name) for member in value.split(",") if member.strip()]


def end_to_end(headers: Headers, removed: frozenset[bytes] = frozenset()) -> Headers:
    """Return the headers that are forwarded. `removed`: further names that are not. Names are in lower case."""
    dropped = _dropped(removed)
    if options := list_of(headers, b"connection"):
        dropped |= {option.encode("latin-1") for option in options} - FRAMING
    return [(name, value) for name, value in headers if name not in dropped and (b"_" not in name or name.replace(b"_", b"-") not in dropped)]


@cache
def _dropped(removed: frozenset[bytes]) -> frozenset[bytes]:
    return HOP_BY_HOP | removed


def request_head(method: str, target: str, headers: Headers, host: str, client: str, framing: Sequence[bytes], scheme: str = "http") -> bytes:
    """Return the head of a request to a pod. `host`: as the client wrote it. `client`: its address. `framing`: lines of this connection.

    `scheme`: how it connected. A client that says another one is a proxy that ended TLS.
    """
    lines = [name + b": " + value for name, value in end_to_end(headers, OWN_OR_READ) if not name.startswith(KNATIVE_PREFIXES)]
    forwarded = [(name, value) for name, value in headers if name in FORWARDED]
    first = (
        f"{method} {target} HTTP/1.1\r\nhost: {host}\r\n"
        f"x-forwarded-for: {', '.join([*values(forwarded, b'x-forwarded-for'), client])}\r\n"
        f"x-forwarded-proto: {_first(values(forwarded, b'x-forwarded-proto')) or scheme}\r\n"
        f"x-forwarded-host: {_first(values(forwarded, b'x-forwarded-host')) or host}"
    )
    return b"\r\n".join((first.encode("latin-1"), *lines, *framing, b"", b""))


def interim_head(status: int, reason: bytes, headers: Headers) -> bytes:
    """Return a 1xx response for the client, such as 103 with its links (RFC 8297)."""
    lines = [b"HTTP/1.1 %d %s" % (status, reason), *(name + b": " + value for name, value in end_to_end(_lower(headers), FRAMING))]
    return b"\r\n".join((*lines, b"", b""))


def response_lines(status: int, reason: bytes, headers: Headers) -> list[bytes]:
    """Return the status line and the end-to-end headers of a response, without what frames its body. Names are in lower case."""
    forwarded = end_to_end(headers, FRAMING if status == 204 else frozenset())
    return [b"HTTP/1.1 %d %s" % (status, reason), *(name + b": " + value for name, value in forwarded)]


def _lower(headers: Headers) -> Headers:
    return [(name.lower(), value) for name, value in headers]


def _first(found: Iterable[str]) -> str:
    return next(iter(found), "")
