"""The header by which the ingress knows a request of the platform's own health check. Pure.

Deploy requests an application's URL before it reports success, as a visitor does. The customer pays for requests of
visitors, so the ingress must tell the two apart, and no tenant may be able to write the header. Deploy and the ingress
share a key. The header is an HMAC (RFC 2104) over host, target and expiry: a header that somebody learns is worth
nothing at another address, and nothing anywhere after MAX_LIFETIME_SECONDS. The ingress removes it from every request.
"""

import hashlib
import hmac
import re

HEADER = "capsule-health-check"
MAX_LIFETIME_SECONDS = 30
"""An expiry further away is refused: nobody can make a header in advance that stays valid."""
MIN_KEY_LENGTH = 32

_VALUE = re.compile(r"([0-9]{1,12})\.([0-9a-f]{64})", re.ASCII)


def sign_health_check(key: str, host: str, target: str, now: float) -> str:
    """Return the value of HEADER for `GET target` at a host. `host`: without a port. `now`: Unix time in seconds.

    Raises ValueError when the key is too short to keep anybody from guessing it.
    """
    require_key(key)
    expires_at = int(now) + MAX_LIFETIME_SECONDS
    return f"{expires_at}.{_digest(key, host, target, expires_at)}"


def is_health_check(key: str, host: str, target: str, value: str, now: float) -> bool:
    """Whether the value was signed for this request and has not expired. `now`: Unix time in seconds."""
    match = _VALUE.fullmatch(value)
    if match is None:
        return False
    expires_at = int(match[1])
    return now < expires_at <= now + MAX_LIFETIME_SECONDS and hmac.compare_digest(match[2], _digest(key, host, target, expires_at))


def require_key(key: str) -> str:
    """Raises ValueError."""
    if len(key) < MIN_KEY_LENGTH:
        raise ValueError(f"the key has {len(key)} characters; it must have at least {MIN_KEY_LENGTH}, chosen at random")
    return key


def _digest(key: str, host: str, target: str, expires_at: int) -> str:
    """The parts contain no line feed: a host and a target of HTTP cannot."""
    signed = "\n".join(("GET", host.lower().removesuffix("."), target, str(expires_at)))
    return hmac.new(key.encode(), signed.encode(), hashlib.sha256).hexdigest()
