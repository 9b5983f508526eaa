"""Responses to requests that are refused before they are read whole: problem documents (RFC 9457) as HTTP/1.1."""

from http import HTTPStatus

import orjson

from functions.wire.http_limits import RequestFault
from functions.wire.problems import MEDIA_TYPE, type_uri

SLUGS = {
    400: "malformed-request", 408: "request-timeout", 414: "target-too-long", 431: "headers-too-large", 501: "not-implemented", 503: "unavailable",
    505: "http-version-not-supported",
}  # fmt: skip


def refusal_response(fault: RequestFault) -> bytes:
    body = orjson.dumps({"type": type_uri(SLUGS[fault.status]), "title": fault.title, "status": fault.status, "detail": fault.detail})
    lines = (
        f"HTTP/1.1 {fault.status} {HTTPStatus(fault.status).phrase}",
        f"content-type: {MEDIA_TYPE}",
        f"content-length: {len(body)}",
        "cache-control: private, no-store",
        "connection: close",
        *(["retry-after: 5"] if fault.status == HTTPStatus.SERVICE_UNAVAILABLE else []),
    )
    return "\r\n".join((*lines, "", "")).encode() + body
