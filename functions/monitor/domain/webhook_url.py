"""The URL of a webhook: what it may be, and which hosts it may name."""

from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from functions.kernel import FieldError
from functions.monitor.domain.rejections import InvalidWebhook
from functions.wire.addresses import is_listed, is_public_host
from functions.wire.host_names import BadHostName, ascii_host

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
        try:
            host = ascii_host(host)
        except BadHostName as error:
            raise _invalid(str(error)) from None
        if not is_public_host(host) and not is_listed(host, port or PORTS[scheme], self.allowed_hosts):
            raise _invalid(f"{host} is a private address; an operator can list it in CAPSULE_WEBHOOK_HOSTS")
        authority = (f"[{host}]" if ":" in host else host) + (f":{port}" if port is not None else "")
        return parts._replace(scheme=scheme, netloc=authority).geturl()


def address_of(url: str) -> str:
    """Scheme, host and port of an admitted URL. Path and query of a webhook often are its password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _invalid(fault: str) -> InvalidWebhook:
    return InvalidWebhook(fault, errors=[FieldError("/url", fault)])
