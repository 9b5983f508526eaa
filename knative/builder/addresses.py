"""Decide which repository URLs may be cloned, and check that a git server answers before git runs.

Host names are resolved here, in the build's network namespace: a public name may point to a private address. The
checked address is the one that this module and git connect to, and every redirect is checked like the first URL. Behind
a proxy the proxy resolves names; what it lets through is the operator's decision.
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

from functions.wire.addresses import IPAddress, is_listed, is_public, parse_address
from knative.builder.failure import REPOSITORY_NOT_FOUND, REPOSITORY_PRIVATE, BuildFailure

SERVICE = "/info/refs?service=git-upload-pack"
ADVERTISEMENT = "application/x-git-upload-pack-advertisement"
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 5
MAX_ATTEMPTS = 3
TIMEOUT_SECONDS = 20
PORTS = {"http": 80, "https": 443}
LOOPBACK = "127.0.0.1"

Response = HTTPResponse | urllib.error.HTTPError


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository's URL after redirects. `address`: the IP address to connect to; empty if a proxy or the operator's name service decides."""

    url: str
    address: str = ""

    @property
    def git_options(self) -> list[str]:
        """The settings that make git connect to `address` and to nothing else."""
        if not self.address:
            return []
        parts = urlsplit(self.url)
        address = f"[{self.address}]" if ":" in self.address else self.address
        return ["http.proxy=", f"http.curloptResolve={parts.hostname}:{parts.port or PORTS[parts.scheme]}:{address}"]


def find_remote(url: str, allowed_hosts: Collection[str]) -> Remote:
    """Follow redirects to a repository and check that it can be read.

    `allowed_hosts`: private hosts that may be used, as `host` or `host:port`. Raises BuildFailure(repository-not-found
    | repository-private).
    """
    for _ in range(MAX_REDIRECTS):
        remote = Remote(url, checked_address(url, allowed_hosts))
        response = _request(remote)
        if response.status not in REDIRECTS:
            _check_response(url, response)
            return remote
        target = urljoin(url.rstrip("/") + SERVICE, response.headers.get("Location", ""))
        if not target.endswith(SERVICE):
            raise BuildFailure(REPOSITORY_NOT_FOUND, f"{url} redirects to {target}, which is not a git repository.")
        url = target.removesuffix(SERVICE)
    raise BuildFailure(REPOSITORY_NOT_FOUND, f"{url} redirects more than {MAX_REDIRECTS} times.")


def checked_address(url: str, allowed_hosts: Collection[str]) -> str:
    """Return the IP address to connect to; empty if a proxy or the operator's name service decides.

    Raises BuildFailure(repository-not-found) for a URL that is not http(s), a host that does not resolve, and a private
    host that is not allowed.
    """
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise BuildFailure(REPOSITORY_NOT_FOUND, f"{url} is not an http or https URL.")
    host, port = parts.hostname, parts.port or PORTS[parts.scheme]
    is_allowed = is_listed(host, port, allowed_hosts)
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761 §6.3: always loopback, never looked up
        addresses = {ipaddress.ip_address(LOOPBACK)}
    elif is_allowed or (_has_proxy(parts.scheme, host) and parse_address(host) is None):
        return ""
    else:
        addresses = _resolve(host, port)
    if not is_allowed and not all(map(is_public, addresses)):
        detail = f'Host "{host}" has a private address. An operator can allow it with CAPSULE_REPOSITORY_HOSTS.'
        raise BuildFailure(REPOSITORY_NOT_FOUND, detail)
    return str(min(addresses, key=lambda address: address.version))


def _resolve(host: str, port: int) -> set[IPAddress]:
    try:
        return {ipaddress.ip_address(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, ValueError) as error:
        detail = f'Host "{host}" cannot be resolved: {describe_error(error)}. Check the URL of the repository.'
        raise BuildFailure(REPOSITORY_NOT_FOUND, detail) from error


def describe_error(error: BaseException) -> str:
    """Say in words, without error numbers, why a network operation failed."""
    match error:
        case urllib.error.URLError(reason=BaseException() as reason):
            return describe_error(reason)
        case ssl.SSLCertVerificationError():
            return f"its TLS certificate is not valid ({error.verify_message.rstrip('.')})"
        case socket.gaierror():
            temporary = error.errno == socket.EAI_AGAIN
            return "the name server does not answer" if temporary else "no such host"
        case TimeoutError():
            return f"no answer within {TIMEOUT_SECONDS} s"
        case ConnectionRefusedError():
            return "connection refused"
        case OSError(strerror=str() as text) if text:
            return text[0].lower() + text[1:]
        case _:
            return str(error) or type(error).__name__


def _has_proxy(scheme: str, host: str) -> bool:
    return scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str) -> None:
        return None


class _PinnedConnection(http.client.HTTPConnection):
    """Connects to the checked address even if the name resolves to another one by now."""

    def __init__(self, host: str, *, address: str, **options: Any) -> None:
        super().__init__(host, **options)
        self.address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self.address, self.port), self.timeout)


class _PinnedTLSConnection(http.client.HTTPSConnection):
    def __init__(self, host: str, *, address: str, **options: Any) -> None:
        super().__init__(host, **options)
        self.address = address

    def connect(self) -> None:
        plain = socket.create_connection((self.address, self.port), self.timeout)
        self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)


class _PinnedHandler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(partial(_PinnedConnection, address=self.address), req)

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(partial(_PinnedTLSConnection, address=self.address), req)


def _request(remote: Remote) -> Response:
    """Return the server's response, whatever its status. Raises BuildFailure if there is none after MAX_ATTEMPTS."""
    url = remote.url.rstrip("/") + SERVICE
    direct = [urllib.request.ProxyHandler({}), _PinnedHandler(remote.address)] if remote.address else []
    opener = urllib.request.build_opener(_NoRedirects, *direct)
    request = urllib.request.Request(url, headers={"User-Agent": "git/2 capsule-builder", "Git-Protocol": "version=2"})
    for remaining in reversed(range(MAX_ATTEMPTS)):
        try:
            response: HTTPResponse = opener.open(request, timeout=TIMEOUT_SECONDS)
            return response
        except urllib.error.HTTPError as error:
            if (error.status is not None and error.status < 500) or not remaining:
                return error
        except (OSError, http.client.HTTPException) as error:
            if not remaining:
                detail = f"Cannot connect to {urlsplit(url).netloc}: {describe_error(error)}."
                raise BuildFailure(REPOSITORY_NOT_FOUND, detail) from error
        time.sleep(1)
    raise AssertionError("unreachable")


def _check_response(url: str, response: Response) -> None:
    status = response.status
    if status in (401, 403):
        detail = f"{url} requires authentication: the repository is private or does not exist (some hosts do not distinguish)."
        raise BuildFailure(REPOSITORY_PRIVATE, detail)
    if status in (404, 410):
        raise BuildFailure(REPOSITORY_NOT_FOUND, f"Repository {url} does not exist.")
    if status != 200:
        raise BuildFailure(REPOSITORY_NOT_FOUND, f"{url} answers git with HTTP status {status}.")
    if response.headers.get_content_type() != ADVERTISEMENT:
        raise BuildFailure(REPOSITORY_NOT_FOUND, f"{url} is not a git repository: the server answers with another kind of document.")
