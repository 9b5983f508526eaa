"""Which repository may be asked, and what its server says before git is let loose on it.

Names are resolved here, where the network is: a public name may point to a private address. git then gets the address that was checked, and follows
no redirect that was not. Behind a proxy the proxy resolves; what it lets through is the operator's to say.
"""

import ipaddress
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Collection
from dataclasses import dataclass
from http.client import HTTPMessage, HTTPResponse
from typing import IO
from urllib.parse import SplitResult, urljoin, urlsplit

from knative.builder.failure import REPOSITORY_NOT_FOUND, REPOSITORY_PRIVATE, Failure

SERVICE = "/info/refs?service=git-upload-pack"
ADVERTISEMENT = "application/x-git-upload-pack-advertisement"
HOPS = 5
TRIES = 3
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Place:
    """A repository's address after redirects, and where its host was found to be (empty: not to be pinned)."""

    url: str
    pin: str = ""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str) -> None:
        return None


def find(url: str, hosts: Collection[str]) -> Place:
    """Raises Failure(repository-not-found | repository-private)."""
    for _ in range(HOPS):
        pin = admitted(url, hosts)
        answer = _ask(url.rstrip("/") + SERVICE)
        if answer.status in (301, 302, 303, 307, 308):
            target = urljoin(url.rstrip("/") + SERVICE, answer.headers.get("Location", ""))
            if not target.endswith(SERVICE):
                raise Failure(REPOSITORY_NOT_FOUND, f"{url} leads to {target}, which is no git repository.")
            url = target.removesuffix(SERVICE)
            continue
        _judge(url, answer)
        return Place(url, pin)
    raise Failure(REPOSITORY_NOT_FOUND, f"{url} redirects too often.")


def admitted(url: str, hosts: Collection[str]) -> str:
    """`host:port:address` for git to use. Raises Failure for a host that may not be asked."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise Failure(REPOSITORY_NOT_FOUND, f"{url} is no http or https address.")
    host, port = parts.hostname, parts.port or PORTS[parts.scheme]
    if host in hosts or f"{host}:{port}" in hosts:
        return ""
    if _behind_proxy(parts.scheme, host) and not _is_address(host):
        return ""
    try:
        found = {ipaddress.ip_address(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, ValueError) as error:
        raise Failure(REPOSITORY_NOT_FOUND, f"The host {host} cannot be found: {error}.") from error
    if not all(_public(address) for address in found):
        raise Failure(REPOSITORY_NOT_FOUND, f"{host} has a private address; an operator can list it in CAPSULE_REPOSITORY_HOSTS.")
    address = sorted(found, key=lambda each: each.version)[0]
    return f"{host}:{port}:{f'[{address}]' if address.version == 6 else address}"


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


def _ask(url: str) -> HTTPResponse | urllib.error.HTTPError:
    """The server's answer, whatever its status. Raises Failure if there is none."""
    opener = urllib.request.build_opener(_NoRedirects)
    parts = urlsplit(url)
    headers = {"User-Agent": "git/2 capsule-builder", "Git-Protocol": "version=2", "Host": parts.netloc}
    request = urllib.request.Request(_looped_back(parts), headers=headers)
    for left in reversed(range(TRIES)):
        try:
            answer: HTTPResponse = opener.open(request, timeout=20)
            return answer
        except urllib.error.HTTPError as error:
            if (error.status is not None and error.status < 500) or not left:
                return error
        except (OSError, ssl.SSLError) as error:
            if not left:
                told = getattr(error, "reason", error)
                raise Failure(REPOSITORY_NOT_FOUND, f"{urlsplit(url).netloc} does not answer: {told}.") from error
        time.sleep(1)
    raise AssertionError("unreachable")


def _looped_back(parts: SplitResult) -> str:
    """`*.localhost` is this machine (RFC 6761, section 6.3); git's libcurl knows, many a resolver does not."""
    if parts.hostname is None or not parts.hostname.endswith(".localhost"):
        return parts.geturl()
    return parts._replace(netloc=f"127.0.0.1:{parts.port or PORTS[parts.scheme]}").geturl()


def _judge(url: str, answer: HTTPResponse | urllib.error.HTTPError) -> None:
    status = answer.status
    if status in (401, 403):
        raise Failure(REPOSITORY_PRIVATE, f"{url} asks for a password: the repository is private, or there is none (some hosts do not tell which).")
    if status in (404, 410):
        raise Failure(REPOSITORY_NOT_FOUND, f"There is no repository at {url}.")
    if status != 200:
        raise Failure(REPOSITORY_NOT_FOUND, f"{url} answers {status} to git.")
    if answer.headers.get_content_type() != ADVERTISEMENT:
        raise Failure(REPOSITORY_NOT_FOUND, f"{url} answers, but not as a git repository does.")
