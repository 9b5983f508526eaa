"""The parts of a data service's URL that KEDA needs one by one: its scalers of Redis take no URL.

Source: KEDA 2.18, "Redis Lists: Authentication Parameters".
"""

from urllib.parse import unquote, urlsplit

REDIS_SCHEMES = {"redis": "disable", "valkey": "disable", "rediss": "enable"}
"""Scheme → the parameter `tls`."""
REDIS_PORT = 6379
REDIS_PARAMETERS = ("address", "username", "password", "tls")


def redis_parameters(url: str) -> dict[str, str]:
    """Return parameter → value; empty for a URL of another kind of server."""
    try:
        address = urlsplit(url)
        port = address.port or REDIS_PORT
    except ValueError:
        return {}
    tls, host = REDIS_SCHEMES.get(address.scheme), address.hostname
    if tls is None or not host:
        return {}
    values = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}", unquote(address.username or ""), unquote(address.password or ""), tls)
    return dict(zip(REDIS_PARAMETERS, values, strict=True))
