"""Whether a request is one of a person who opens a page (pure).

Only such a request may be answered with a page that loads itself again. A script that fetches HTML, a form, an API client or a
crawler without a browser would take the page for the application's answer.
"""

from typing import Protocol

from knative.local.serving.http.error_responses import prefers_html


class Request(Protocol):
    method: str
    is_upgrade: bool

    def header(self, name: bytes) -> str | None: ...


def is_navigation(request: Request) -> bool:
    """Return whether a browser opens a page in a tab.

    Browsers say so in Sec-Fetch-Mode and Sec-Fetch-Dest (W3C Fetch Metadata), but only over HTTPS or on localhost. Elsewhere
    they mark navigations, and nothing else, with Upgrade-Insecure-Requests (W3C). A prefetch is none: nobody sees the page.
    """
    if request.method != "GET" or request.is_upgrade or not prefers_html(request.header(b"accept")):
        return False
    if request.header(b"x-requested-with") is not None or request.header(b"sec-purpose") is not None:
        return False
    mode = request.header(b"sec-fetch-mode")
    if mode is None:
        return request.header(b"upgrade-insecure-requests") == "1"
    return mode == "navigate" and request.header(b"sec-fetch-dest") == "document"
