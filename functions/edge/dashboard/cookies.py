"""The cookies of a session, and which requests may change something.

Both cookies are `HttpOnly` and `SameSite=Lax` (RFC 6265bis section 5.6.7), and `Secure` when the dashboard's public address is https.
A form counts only when the browser says that it comes from the dashboard itself: `Sec-Fetch-Site` (W3C Fetch Metadata), or
`Origin` (RFC 6454) in browsers without it.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

ACCESS, REFRESH = "capsule_access", "capsule_refresh"
REFRESH_SECONDS = 30 * 24 * 3600
"""As long as an idle session of auth."""


SIGN_IN, NEXT = "capsule_sign_in", "capsule_next"
"""The secret of a sign-in with a provider, and the page to go to afterwards."""
SIGN_IN_SECONDS = 600
"""As long as a sign-in of auth."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a session."""

    access: str
    refresh: str
    expires_in_seconds: int

    @classmethod
    def of(cls, session: dict[str, Any]) -> "Tokens":
        """Return the tokens in a `SessionView`."""
        return cls(session["accessToken"], session["refreshToken"], session["expiresIn"])


def set_tokens(response: Response, tokens: Tokens, *, is_secure: bool) -> None:
    for name, value, seconds in ((ACCESS, tokens.access, tokens.expires_in_seconds), (REFRESH, tokens.refresh, REFRESH_SECONDS)):
        response.set_cookie(name, value, max_age=seconds, path="/", secure=is_secure, httponly=True, samesite="lax")


def set_short_lived(response: Response, cookies: dict[str, str], *, is_secure: bool) -> None:
    """Set or, if the value is empty, delete cookies of a sign-in that is under way. Lax: the provider sends the browser back by a link."""
    for name, value in cookies.items():
        if value:
            response.set_cookie(name, value, max_age=SIGN_IN_SECONDS, path="/", secure=is_secure, httponly=True, samesite="lax")
        else:
            response.delete_cookie(name, path="/", httponly=True, samesite="lax")


def delete_tokens(response: Response) -> None:
    for name in (ACCESS, REFRESH):
        response.delete_cookie(name, path="/", httponly=True, samesite="lax")


def is_same_origin(request: Request) -> bool:
    """Whether a form was sent by a page of the dashboard."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = urlsplit(request.headers.get("origin", ""))
    return bool(origin.netloc) and origin.netloc.lower() == request.headers.get("host", "").lower()


def local_path(target: str) -> str:
    """Return a path of the dashboard to go to after sign-in; `/` for anything that could lead elsewhere."""
    is_plain = all(character > " " and character != "\\" for character in target)
    return target if is_plain and target.startswith("/") and not target.startswith("//") else "/"
