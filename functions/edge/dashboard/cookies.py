"""The cookies of a session, and which requests may change something.

Cookies are `HttpOnly` and `SameSite=Lax` (RFC 6265bis section 5.6.7). When the dashboard's public address is https, they are `Secure` and their names
begin with `__Host-` (RFC 6265bis section 4.1.3.2): a browser takes such a cookie from the dashboard's own host only, so an
application at a sibling host cannot set one for the dashboard.
A form counts only when the browser says that it comes from the dashboard itself: `Sec-Fetch-Site` (W3C Fetch Metadata), or
`Origin` (RFC 6454) in browsers without it.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

HOST_PREFIX = "__Host-"
ACCESS, REFRESH = "capsule_access", "capsule_refresh"
REFRESH_SECONDS = 30 * 24 * 3600
"""As long as an idle session of auth."""


SIGN_IN, NEXT = "capsule_sign_in", "capsule_next"
"""The secret of a sign-in with a provider, and the page to go to afterwards."""
SIGN_IN_SECONDS = 600
"""As long as a sign-in of auth."""


TEAM = "capsule_team"
"""The id of the team that was chosen last."""


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


def stored_name(name: str, *, is_secure: bool) -> str:
    """Return the name under which the browser has a cookie."""
    return f"{HOST_PREFIX}{name}" if is_secure else name


def _set(response: Response, name: str, value: str, seconds: int, *, is_secure: bool) -> None:
    name = stored_name(name, is_secure=is_secure)
    response.set_cookie(name, value, max_age=seconds, path="/", secure=is_secure, httponly=True, samesite="lax")


def _delete(response: Response, name: str, *, is_secure: bool) -> None:
    """Browsers ignore the deletion of a `__Host-` cookie that is not `Secure`."""
    response.delete_cookie(stored_name(name, is_secure=is_secure), path="/", secure=is_secure, httponly=True, samesite="lax")


def set_tokens(response: Response, tokens: Tokens, *, is_secure: bool) -> None:
    _set(response, ACCESS, tokens.access, tokens.expires_in_seconds, is_secure=is_secure)
    _set(response, REFRESH, tokens.refresh, REFRESH_SECONDS, is_secure=is_secure)


def set_short_lived(response: Response, cookies: dict[str, str], *, is_secure: bool) -> None:
    """Set or, if the value is empty, delete cookies of a sign-in that is under way. Lax: the provider sends the browser back by a link."""
    for name, value in cookies.items():
        if value:
            _set(response, name, value, SIGN_IN_SECONDS, is_secure=is_secure)
        else:
            _delete(response, name, is_secure=is_secure)


def set_team(response: Response, team_id: str | None, *, is_secure: bool) -> None:
    if team_id:
        _set(response, TEAM, team_id, REFRESH_SECONDS, is_secure=is_secure)
    else:
        _delete(response, TEAM, is_secure=is_secure)


def delete_tokens(response: Response, *, is_secure: bool) -> None:
    for name in (ACCESS, REFRESH):
        _delete(response, name, is_secure=is_secure)


def is_same_origin(request: Request) -> bool:
    """Whether a form was sent by a page of the dashboard."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    try:
        origin = urlsplit(request.headers.get("origin", ""))
    except ValueError:  # such as http://[
        return False
    return bool(origin.netloc) and origin.netloc.lower() == request.headers.get("host", "").lower()


def local_path(target: str) -> str:
    """Return a path of the dashboard to go to after sign-in; `/` for anything that could lead elsewhere."""
    is_plain = all(character > " " and character != "\\" for character in target)
    return target if is_plain and target.startswith("/") and not target.startswith("//") else "/"
