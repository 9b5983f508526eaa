"""HTTP Strict Transport Security (RFC 6797): a browser that has seen it sends no plain HTTP to this host."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from functions.wire.host_names import BadHostName, ascii_host

HSTS = "max-age=31536000"
"""A year. Without `includeSubDomains`: hosts below the platform's may be others'."""


def strict_host(public_url: str) -> str | None:
    """Return the host at which browsers should refuse plain HTTP: the address is https, and its host a name that means one server. None without one.

    Not for localhost: browsers apply it to all ports, so it would break other programs of a developer's machine. Nor for addresses, which RFC 6797
    section 8.1.1 excludes.
    """
    parts = urlsplit(public_url)
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme != "https" or not host or host == "localhost" or host.endswith(".localhost"):
        return None
    try:
        ip_address(host)
    except ValueError:
        return _comparable(host)
    return None


def is_for_host(host_header: str, strict: str | None) -> bool:
    """Whether a request was sent to the host `strict` (`strict_host`). A server that answers at other names too must not bind those to HTTPS.

    `host_header`: the field Host, with or without a port.
    """
    return strict is not None and _comparable(host_header.partition(":")[0].rstrip(".")) == strict


def _comparable(host: str) -> str:
    try:
        return ascii_host(host)
    except BadHostName:
        return host.lower()
