"""Which host a request is for (pure): RFC 9112 section 3.2, RFC 9110 section 7.2.

There is one reading: whoever decides by the host and whoever looks the host up use the same value, in lower case, without a port and without the
dot that ends an absolute name. What is no host name is refused rather than interpreted.
"""

import re
from dataclasses import dataclass

from knative.local.serving.http_client import Headers

_AUTHORITY = re.compile(r"(?P<host>[a-z0-9_]([a-z0-9._-]*[a-z0-9_-])?)\.?(:[0-9]{0,5})?", re.ASCII | re.IGNORECASE)
_ABSOLUTE = re.compile(r"https?://(?P<authority>[^/?#]*)(?P<rest>[^#]*)", re.ASCII | re.IGNORECASE | re.DOTALL)
ONE_HOST = "A request has one Host header, which names one host"


class BadAuthority(Exception):
    """The request names no host, or not clearly."""


@dataclass(frozen=True, slots=True)
class Authority:
    host: str
    """Empty for HTTP/1.0 without a Host."""
    text: str
    """As the client wrote it."""
    target: str
    """In origin-form."""


def authority_of(method: str, target: str, version: str, headers: Headers) -> Authority:
    """Raises BadAuthority."""
    if method == "CONNECT":
        raise BadAuthority("This is no proxy: CONNECT is not served.")
    named = [value.decode("latin-1").strip(" \t") for name, value in headers if name == b"host"]
    if len(named) > 1 or (not named and version != "1.0"):
        raise BadAuthority(f"{ONE_HOST}; this one has {len(named)}.")
    text = named[0] if named else ""
    if absolute := _ABSOLUTE.match(target):  # it counts, and Host does not
        text, target = absolute["authority"], absolute["rest"]
        target = target if target.startswith("/") else f"/{target}"
    elif not target.startswith("/") and not (method == "OPTIONS" and target == "*"):
        raise BadAuthority(f"The request target is a path or an http address, not {target[:80]!r}.")
    return Authority(host_of(text), text, target)


def host_of(text: str) -> str:
    """`Samples.localhost.:7080` → `samples.localhost`. Raises BadAuthority."""
    if not text:
        return ""
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        raise BadAuthority(f"{ONE_HOST}; {text[:80]!r} is none.")
    return found["host"].lower()
