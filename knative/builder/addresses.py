"""Which repository may be asked, and what its server says before git is let loose on it.

Names are resolved here, where the network is: a public name may point to a private address. What was checked is what is connected to, here and by
git, and a redirect is checked as its target. Behind a proxy the proxy resolves; what it lets through is the operator's to say.
"""

import http.client
import ipaddress
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from http.client import HTTPMessage, HTTPResponse
from typing import IO, Any
from urllib.parse import urljoin, urlsplit

from knative.builder.failure import REPOSITORY_NOT_FOUND, REPOSITORY_PRIVATE, Failure

SERVICE = "/info/refs?service=git-upload-pack"
ADVERTISEMENT = "application/x-git-upload-pack-advertisement"
HOPS = 5
TRIES = 3
PATIENCE = 20
PORTS = {"http": 80, "https": 443}
LOOPBACK = "127.0.0.1"

Answer = HTTPResponse | urllib.error.HTTPError


@dataclass(frozen=True, slots=True)
class Place:
    """A repository's address after redirects. `address`: where its host is, and where a connection goes without a proxy; empty: not for us to say."""

    url: str
    address: str = ""

    @property
    def git_options(self) -> list[str]:
        if not self.address:
            return []
        parts = urlsplit(self.url)
        address = f"[{self.address}]" if ":" in self.address else self.address
        return ["http.proxy=", f"http.curloptResolve={parts.hostname}:{parts.port or PORTS[parts.scheme]}:{address}"]


def find(url: str, hosts: Collection[str]) -> Place:
    """Raises Failure(repository-not-found | repository-private)."""
    for _ in range(HOPS):
        place = Place(url, admitted(url, hosts))
        answer = _ask(place)
        if answer.status not in (301, 302, 303, 307, 308):
            _judge(url, answer)
            return place
        target = urljoin(url.rstrip("/") + SERVICE, answer.headers.get("Location", ""))
        if not target.endswith(SERVICE):
            raise Failure(REPOSITORY_NOT_FOUND, f"{url} leads to {target}, which is no git repository.")
        url = target.removesuffix(SERVICE)
    raise Failure(REPOSITORY_NOT_FOUND, f"{url} redirects too often.")


def admitted(url: str, hosts: Collection[str]) -> str:
    """The address to connect to; empty if a proxy or an operator's own names decide. Raises Failure for a host that may not be asked."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise Failure(REPOSITORY_NOT_FOUND, f"{url} is no http or https address.")
    host, port = parts.hostname, parts.port or PORTS[parts.scheme]
    listed = host in hosts or f"{host}:{port}" in hosts
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761: always this machine, and no resolver is to be asked
        found = {ipaddress.ip_address(LOOPBACK)}
    elif listed or (_behind_proxy(parts.scheme, host) and not _is_address(host)):
        return ""
    else:
        found = _resolved(host, port)
    if not listed and not all(_public(address) for address in found):
        raise Failure(REPOSITORY_NOT_FOUND, f"{host} has a private address; an operator can list it in CAPSULE_REPOSITORY_HOSTS.")
    return str(min(found, key=lambda each: each.version))


def _resolved(host: str, port: int) -> set[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        return {ipaddress.ip_address(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, ValueError) as error:
        raise Failure(REPOSITORY_NOT_FOUND, f"The host {host} cannot be found: {error}.") from error


def _public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_global and not address.is_multicast


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _behind_proxy(scheme: str, host: str) -> bool:
    return scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str) -> None:
        return None


class _Plain(http.client.HTTPConnection):
    """To the address that was checked, whatever the name means by now."""

    def __init__(self, host: str, *, address: str, **more: Any) -> None:
        super().__init__(host, **more)
        self.address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self.address, self.port), self.timeout)


class _Secure(http.client.HTTPSConnection):
    def __init__(self, host: str, *, address: str, **more: Any) -> None:
        super().__init__(host, **more)
        self.address = address

    def connect(self) -> None:
        plain = socket.create_connection((self.address, self.port), self.timeout)
        self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)


class _Checked(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(partial(_Plain, address=self.address), req)

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(partial(_Secure, address=self.address), req)


def _ask(place: Place) -> Answer:
    """The server's answer, whatever its status. Raises Failure if there is none."""
    url = place.url.rstrip("/") + SERVICE
    direct = [urllib.request.ProxyHandler({}), _Checked(place.address)] if place.address else []
    opener = urllib.request.build_opener(_NoRedirects, *direct)
    request = urllib.request.Request(url, headers={"User-Agent": "git/2 capsule-builder", "Git-Protocol": "version=2"})
    for left in reversed(range(TRIES)):
        try:
            answer: HTTPResponse = opener.open(request, timeout=PATIENCE)
            return answer
        except urllib.error.HTTPError as error:
            if (error.status is not None and error.status < 500) or not left:
                return error
        except (OSError, http.client.HTTPException) as error:
            if not left:
                told = getattr(error, "reason", error)
                raise Failure(REPOSITORY_NOT_FOUND, f"{urlsplit(url).netloc} does not answer: {told}.") from error
        time.sleep(1)
    raise AssertionError("unreachable")


def _judge(url: str, answer: Answer) -> None:
    status = answer.status
    if status in (401, 403):
        raise Failure(REPOSITORY_PRIVATE, f"{url} asks for a password: the repository is private, or there is none (some hosts do not tell which).")
    if status in (404, 410):
        raise Failure(REPOSITORY_NOT_FOUND, f"There is no repository at {url}.")
    if status != 200:
        raise Failure(REPOSITORY_NOT_FOUND, f"{url} answers {status} to git.")
    if answer.headers.get_content_type() != ADVERTISEMENT:
        raise Failure(REPOSITORY_NOT_FOUND, f"{url} answers, but not as a git repository does.")
