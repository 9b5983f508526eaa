"""HTTP Strict Transport Security (RFC 6797): a browser that has seen it sends no plain HTTP to this host."""

from ipaddress import ip_address
from urllib.parse import urlsplit

HSTS = "max-age=31536000"
"""A year. Without `includeSubDomains`: hosts below the platform's may be others'."""


def requires_https(public_url: str) -> bool:
    """Whether browsers should refuse plain HTTP: the address is https, and its host a name that means one server.

    Not for localhost: browsers apply it to all ports, so it would break other programs of a developer's machine. Nor for addresses, which RFC 6797
    section 8.1.1 excludes.
    """
    parts = urlsplit(public_url)
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme != "https" or not host or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        ip_address(host)
    except ValueError:
        return True
    return False
