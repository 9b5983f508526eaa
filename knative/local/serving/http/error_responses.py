"""Responses of the ingress in place of a pod (pure): an HTML page for browsers, a problem document (RFC 9457) for everybody else.

All carry a request id: the client's own X-Request-Id if it is acceptable, else a new one. The ingress logs the id with every 5xx
that is a failure. Pages load nothing, run nothing and may be styled by their own text only.
"""

import base64
import hashlib
import html
import json
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

RELOAD_SECONDS = 2
"""After this time a browser asks again for an application that starts."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{7,127}", re.ASCII)
_STYLE = """
:root { color-scheme: light dark; --text: #1f2328; --quiet: #59636e; --page: #f6f8fa; --card: #fff; --line: #d1d9e0; --accent: #0969da }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --quiet: #9198a1; --page: #0d1117; --card: #151b23; --line: #3d444d; --accent: #4493f8 }
}
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; font: 1rem/1.5 system-ui, sans-serif;
  color: var(--text); background: var(--page) }
main { width: 100%; max-width: 34rem; padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: 12px }
h1 { margin: 0 0 .75rem; font-size: 1.5rem; line-height: 1.25 }
p { margin: 0 0 .75rem; overflow-wrap: anywhere }
.status, footer { color: var(--quiet) }
.status { margin: 0 0 .25rem; font-size: .875rem }
footer { margin-top: 1.5rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: .875rem; overflow-wrap: anywhere }
code { font-family: ui-monospace, monospace }
.progress { height: 4px; margin: 1.25rem 0 0; overflow: hidden; background: var(--line); border-radius: 2px }
.progress::before { content: ""; display: block; width: 30%; height: 100%; background: var(--accent); animation: run 1.4s infinite }
@keyframes run { from { transform: translateX(-100%) } to { transform: translateX(340%) } }
@media (prefers-reduced-motion: reduce) { .progress::before { width: 100%; opacity: .5; animation: none } }
@media (max-width: 30rem) { main { padding: 1.25rem } }
"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>{status}
<h1>{title}</h1>
<p>{detail}</p>{advice}{progress}
<footer>Request id: <code>{request_id}</code></footer>
</main>
</body>
</html>
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
_ADVICE = {
    404: "Check the address. The owner may have renamed or deleted the application.",
    502: "The application failed while it handled your request. Try again. If you own it, its log says why.",
    503: "The application is starting or overloaded. Try again in a few seconds. If you own it, its log and its latest deployment say why.",
    504: "The application took too long. Try again. If you own it, its log says what it did.",
}
_DEFAULT_ADVICE = "Check the address and the request."


class Cause(StrEnum):
    """Why the ingress answers. `FAILURE` includes refusals of requests that are at fault."""

    FAILURE = "failure"
    STOPPED = "stopped"
    MAINTENANCE = "maintenance"
    WAKING_UP = "waking-up"


_TITLES = {Cause.STOPPED: "Not running", Cause.MAINTENANCE: "Under maintenance", Cause.WAKING_UP: "Waking up"}


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    content_type: str
    body: bytes
    headers: tuple[str, ...] = ()
    """Lines beside Content-Type and Content-Length."""


def error_response(status: int, detail: str, request_id: str, accept: str | None, cause: Cause = Cause.FAILURE) -> ErrorResponse:
    """`detail`: a sentence for the sender of the request. `accept`: the request's Accept header."""
    if prefers_html(accept):
        page = _page(status, detail, request_id, cause)
        reload = (f"refresh: {RELOAD_SECONDS}",) if cause is Cause.WAKING_UP else ()  # HTML standard, "The Refresh header"
        headers = (f"content-security-policy: {CONTENT_SECURITY_POLICY}", "x-content-type-options: nosniff", "referrer-policy: no-referrer", *reload)
        return ErrorResponse("text/html; charset=utf-8", page.encode(), headers)
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, "requestId": request_id}
    document |= {"reason": cause} if cause is not Cause.FAILURE else {}
    return ErrorResponse("application/problem+json", json.dumps(document).encode() + b"\n", ("x-content-type-options: nosniff",))


def _page(status: int, detail: str, request_id: str, cause: Cause) -> str:
    """A failure shows its status and advice; for the other causes `detail` says all."""
    is_failure, is_waking = cause is Cause.FAILURE, cause is Cause.WAKING_UP
    return _PAGE.format(
        style=_STYLE,
        title=html.escape(_TITLES.get(cause) or HTTPStatus(status).phrase),
        status=f'\n<p class="status">Error {status}</p>' if is_failure else "",
        detail=html.escape(detail),
        advice=f"\n<p>{_ADVICE.get(status, _DEFAULT_ADVICE)}</p>" if is_failure else "",
        progress='\n<div class="progress"></div>' if is_waking else "",
        request_id=html.escape(request_id),
    )


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
