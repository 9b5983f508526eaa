"""Error responses of the ingress, when no pod answers (pure): an HTML page for browsers, a problem document (RFC 9457) for everybody else.

Both carry a request id: the client's own X-Request-Id if it is acceptable, else a new one. The ingress logs the id with
every 5xx.
"""

import html
import json
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{7,127}", re.ASCII)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{status} {title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 15vh auto 0; padding: 0 1.5rem; color: #1f2328; background: #fff }}
h1 {{ font-size: 1.5rem }}
.status {{ color: #656d76; font-weight: 400 }}
footer {{ margin-top: 3rem; font-size: .875rem; color: #656d76 }}
code {{ font-family: ui-monospace, monospace }}
@media (prefers-color-scheme: dark) {{ body {{ color: #e6edf3; background: #0d1117 }} .status, footer {{ color: #8d96a0 }} }}
</style>
</head>
<body>
<h1><span class="status">{status}</span> {title}</h1>
<p>{detail}</p>
<p>{advice}</p>
<footer>Request id: <code>{request_id}</code></footer>
</body>
</html>
"""
_ADVICE = {
    404: "Check the address. The owner may have renamed or deleted the application.",
    502: "The application failed while it handled your request. Try again. If you own it, its log says why.",
    503: "The application is starting or overloaded. Try again in a few seconds. If you own it, its log and its latest deployment say why.",
    504: "The application took too long. Try again. If you own it, its log says what it did.",
}
_DEFAULT_ADVICE = "Check the address and the request."


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    content_type: str
    body: bytes


def error_response(status: int, detail: str, request_id: str, accept: str | None) -> ErrorResponse:
    """`detail`: a sentence for the sender of the request. `accept`: the request's Accept header."""
    title = HTTPStatus(status).phrase
    if prefers_html(accept):
        page = _PAGE.format(
            status=status, title=html.escape(title), detail=html.escape(detail), advice=_ADVICE.get(status, _DEFAULT_ADVICE), request_id=request_id
        )
        return ErrorResponse("text/html; charset=utf-8", page.encode())
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail, "requestId": request_id}
    return ErrorResponse("application/problem+json", json.dumps(document).encode() + b"\n")


def request_id_of(header: str | None) -> str:
    """Return a client's request id if it has an acceptable form, else a new one."""
    return header if header is not None and _REQUEST_ID.fullmatch(header) else str(uuid.uuid4())


def prefers_html(accept: str | None) -> bool:
    """Return whether a client asks for text/html and weighs it above JSON (RFC 9110 section 12.5.1).

    `*/*` alone is no browser.
    """
    if accept is None:
        return False
    weights = dict(_weights(accept))
    page = max(weights.get("text/html", 0.0), weights.get("application/xhtml+xml", 0.0))
    return page > 0 and page >= max(weights.get("application/json", 0.0), weights.get("application/problem+json", 0.0))


def _weights(accept: str) -> Iterable[tuple[str, float]]:
    for part in accept.split(","):
        media_type, *parameters = (each.strip().lower() for each in part.split(";"))
        quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        try:
            yield media_type, float(quality)
        except ValueError:
            yield media_type, 0.0
