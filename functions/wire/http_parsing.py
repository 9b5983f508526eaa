"""The parser of a request that offers another protocol, when the offer is ignored (RFC 9110 section 7.8).

llhttp takes such a message to end with its head. Its body would be lost, and read as the next request.
"""

from collections.abc import Iterable
from typing import Any

import httptools

FRAMING_HEADERS = (b"content-length", b"transfer-encoding")


def has_body(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the head announces a body. `headers`: names in lower case."""
    return any(name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0")) for name, value in headers)


def parser_of_body(protocol: Any, headers: Iterable[tuple[bytes, bytes]]) -> httptools.HttpRequestParser:
    """Return a parser that stands at the beginning of the body: it has read a head of its own, with the same framing.

    `protocol` must ignore the callbacks for that head.
    """
    parser = httptools.HttpRequestParser(protocol)
    lines = [name + b": " + value for name, value in headers if name in FRAMING_HEADERS]
    parser.feed_data(b"\r\n".join((b"POST / HTTP/1.1", *lines, b"", b"")))
    return parser
