"""Domains of tenants: host names that DomainMappings give to Services, with their certificates (pure).

A domain comes after every host of a Route and every name of the operator, so no tenant takes one of those. Which namespace may map a
name, its ClusterDomainClaim says (`domain_mappings`).

The ingress answers HTTP-01 challenges (RFC 8555 section 8.3) itself, without state: a key authorization is the token of the request and the
thumbprint of the account's key, which the DomainMapping carries. So a challenge cannot arrive before what answers it.
"""

import re
import ssl
from dataclasses import dataclass
from http import HTTPStatus

from knative.local.serving.http.exchange import Exchange

CHALLENGES = "/.well-known/acme-challenge/"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")
"""base64url (RFC 8555 section 8.3). Nothing else is repeated to a client."""


@dataclass(frozen=True, slots=True)
class Domain:
    """`is_redirected`: plain HTTP leads to HTTPS. `hsts`: the header that is added over HTTPS, or empty.

    `thumbprint`: of the account that orders certificates (RFC 7638), or empty. `context`: None without a certificate.
    """

    host: str
    namespace: str
    service: str
    is_redirected: bool = False
    hsts: str = ""
    thumbprint: str = ""
    context: ssl.SSLContext | None = None


class Domains:
    """The domains of this machine by host, in lower case."""

    def __init__(self) -> None:
        self._domains: dict[str, Domain] = {}

    def put(self, domain: Domain) -> None:
        self._domains[domain.host] = domain

    def remove(self, host: str, namespace: str) -> None:
        found = self._domains.get(host)
        if found is not None and found.namespace == namespace:
            del self._domains[host]

    def find(self, host: str) -> Domain | None:
        return self._domains.get(host)


def https_url(host: str, port: int) -> str:
    return f"https://{host}" if port == 443 else f"https://{host}:{port}"


def answer(domain: Domain, exchange: Exchange, https_port: int) -> bool:
    """Answer a request in the place of the domain's Service: a challenge, or a redirect to HTTPS. Returns whether it did."""
    if exchange.client.scheme != "http":
        return False
    if exchange.target.startswith(CHALLENGES) and domain.thumbprint and exchange.method in ("GET", "HEAD"):
        token = exchange.target.removeprefix(CHALLENGES)
        if _TOKEN.fullmatch(token):
            exchange.respond(HTTPStatus.OK, "application/octet-stream", f"{token}.{domain.thumbprint}".encode())
            return True
    if domain.is_redirected and domain.context is not None and exchange.target.startswith("/"):
        exchange.respond(HTTPStatus.PERMANENT_REDIRECT, "", b"", f"location: {https_url(domain.host, https_port)}{exchange.target}")
        return True
    return False
