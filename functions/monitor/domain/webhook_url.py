"""The URL of a webhook: what it may be, and which hosts it may name."""

from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import idna

from functions.kernel import FieldError
from functions.monitor.domain.rejections import InvalidWebhook
from functions.wire.addresses import is_listed, is_public_host

MAX_URL_LENGTH = 500
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class WebhookPolicy:
    """Allows public hosts, and those that the operator lists in CAPSULE_WEBHOOK_HOSTS (`host` or `host:port`)."""

    allowed_hosts: Collection[str] = field(default_factory=frozenset)

    def admit(self, url: str) -> str:
        """Return the URL as it is called: scheme and host in lower case, the host in ASCII (RFC 5891).

        What the host resolves to is checked at each delivery. Raises InvalidWebhook.
        """
        fault = f"{url[:80]!r} is not an http:// or https:// URL"
        if len(url) > MAX_URL_LENGTH or any(character.isspace() or not character.isprintable() for character in url):
            raise _invalid(fault)
        try:
            parts = urlsplit(url)
            scheme, host, port = parts.scheme, parts.hostname or "", parts.port
        except ValueError:
            raise _invalid(fault) from None
        if scheme not in PORTS or not host or port == 0:
            raise _invalid(fault)
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise _invalid("remove user name, password and fragment from the URL: requests are signed instead")
        host = _ascii(host)
        if not is_public_host(host) and not is_listed(host, port or PORTS[scheme], self.allowed_hosts):
            raise _invalid(f"{host} is a private address; an operator can list it in CAPSULE_WEBHOOK_HOSTS")
        authority = (f"[{host}]" if ":" in host else host) + (f":{port}" if port is not None else "")
        return parts._replace(scheme=scheme, netloc=authority).geturl()


def address_of(url: str) -> str:
    """Scheme, host and port of an admitted URL. Path and query of a webhook often are its password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _ascii(host: str) -> str:
    """Raises InvalidWebhook for a name that the DNS cannot have."""
    if ":" in host:  # an IPv6 address
        return host
    try:
        return idna.encode(host.rstrip("."), uts46=True).decode() if not host.isascii() else _checked(host)
    except (idna.IDNAError, UnicodeError):
        raise _invalid(f"{host[:80]!r} is not a host name") from None


def _checked(host: str) -> str:
    """A name in ASCII: labels of 1 to 63 characters, 253 in all (RFC 1035 section 2.3.4).

    Raises UnicodeError, and its subclass IDNAError for a name with an A-label that decodes to nothing (RFC 5890 section 2.3.2.1).
    """
    labels = host.rstrip(".").split(".")
    if len(host) > 253 or not all(0 < len(label) < 64 and all(each.isalnum() or each in "-_" for each in label) for label in labels):
        raise UnicodeError
    if any(label.startswith("xn--") for label in labels):
        idna.decode(host)  # as httpx does
    return host


def _invalid(fault: str) -> InvalidWebhook:
    return InvalidWebhook(fault, errors=[FieldError("/url", fault)])
