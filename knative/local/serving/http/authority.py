"""Which host a request is for (pure): RFC 9112 section 3.2, RFC 9110 section 7.2.

There is one reading: access decisions and look-ups use the same value, in lower case, without a port and without the
trailing dot of an absolute name. Anything that is not a host name is refused, not interpreted.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from functions.wire.http_framing import host_fault
from knative.local.serving.http.client import Headers

_AUTHORITY = re.compile(r"(?P<host>[a-z0-9_]([a-z0-9._-]*[a-z0-9_-])?)\.?(:[0-9]{0,5})?", re.ASCII | re.IGNORECASE)
_ABSOLUTE = re.compile(r"https?://(?P<authority>[^/?#]*)(?P<rest>.*)", re.ASCII | re.IGNORECASE | re.DOTALL)
MAX_KNOWN_CHARACTERS = 300
"""Longer ones are matched each time: nobody fills the memory with names."""
HOST_RULE = "A request must have exactly one Host header, which names one host"


class BadAuthority(Exception):
    """The request names no host, or several. The message is for the client."""


@dataclass(frozen=True, slots=True)
class Authority:
    host: str
    """Empty for HTTP/1.0 without a Host."""
    text: str
    """As the client wrote it."""
    target: str
    """The request target in origin-form."""


def authority_of(method: str, target: str, version: str, headers: Headers) -> Authority:
    """Raises BadAuthority."""
    if method == "CONNECT":
        raise BadAuthority("CONNECT is not supported: this is not a proxy.")
    if (fault := host_fault(version, headers)) is not None:
        raise BadAuthority(fault.detail)
    hosts = [value.decode("latin-1").strip(" \t") for name, value in headers if name == b"host"]
    text = hosts[0] if hosts else ""
    if not target.startswith("/"):
        if absolute := _ABSOLUTE.match(target):  # the absolute form overrides Host (RFC 9112 section 3.2.2)
            text, target = absolute["authority"], absolute["rest"]
            target = target if target.startswith("/") else f"/{target}"
        elif not (method == "OPTIONS" and target == "*"):
            raise BadAuthority(f"The request target must be a path or an http address, not {target[:80]!r}.")
    return Authority(host_of(text), text, target.partition("#")[0])  # a fragment belongs to the client (RFC 9110 section 4.2.5)


def host_of(text: str) -> str:
    """Normalize an authority: `Samples.localhost.:7080` → `samples.localhost`. Raises BadAuthority."""
    if not text:
        return ""
    host = _known(text) if len(text) <= MAX_KNOWN_CHARACTERS else _match(text)
    if host is None:
        raise BadAuthority(f"{HOST_RULE}; {text[:80]!r} is not a host name.")
    return host


def _match(text: str) -> str | None:
    match = _AUTHORITY.fullmatch(text)
    return match["host"].lower() if match is not None else None


_known = lru_cache(maxsize=1024)(_match)
