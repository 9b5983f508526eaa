"""Find the server of a repository: check its address, follow its redirects, and say how git connects to it."""

import base64
import http.client
import shlex
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPMessage, HTTPResponse
from typing import IO, Any
from urllib.parse import urljoin

from functions.wire.git_urls import SSH_USER, BadGitUrl, GitUrl
from knative.builder.access import RepositoryAccess
from knative.builder.addresses import TIMEOUT_SECONDS, checked_address, describe_error
from knative.builder.failure import REPOSITORY_NOT_FOUND, REPOSITORY_PRIVATE, BuildFailure

SERVICE = "/info/refs?service=git-upload-pack"
ADVERTISEMENT = "application/x-git-upload-pack-advertisement"
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 5
MAX_ATTEMPTS = 3

Response = HTTPResponse | urllib.error.HTTPError


@dataclass(frozen=True, slots=True)
class Remote:
    """Where git connects to. `address`: the checked IP address; empty if a proxy or the operator's name service decides.

    No option holds a credential: options are arguments of processes. Credentials are in files of the clone's own
    folder (`access.RepositoryAccess.install`), and git sends them to their host only.
    """

    url: GitUrl
    address: str = ""
    options: tuple[str, ...] = ()
    """Settings of git, `name=value`."""
    environment: Mapping[str, str] = field(default_factory=dict)


def find_remote(url: GitUrl, allowed_hosts: Collection[str], access: RepositoryAccess) -> Remote:
    """Check a repository's host and, over http(s), that the repository can be read. Follows redirects, each checked like the first URL.

    Raises BuildFailure(repository-not-found | repository-private).
    """
    return _ssh_remote(url, allowed_hosts, access) if url.is_ssh else _http_remote(url, allowed_hosts, access)


def _ssh_remote(url: GitUrl, allowed_hosts: Collection[str], access: RepositoryAccess) -> Remote:
    """ssh without a configuration of its own, agents, passwords, forwarding or prompts.

    A host whose key is known must have that key. The key of an unknown host is accepted and learned (trust on first
    use), if the operator's list does not name the host.
    """
    address = checked_address(url, allowed_hosts)
    name = url.host if url.port == 22 else f"[{url.host}]:{url.port}"  # as known_hosts has it (sshd(8))
    settings = {
        "BatchMode": "yes",
        "CheckHostIP": "no",
        "ClearAllForwardings": "yes",
        "ConnectTimeout": str(TIMEOUT_SECONDS),
        "GlobalKnownHostsFile": "/dev/null",
        "HashKnownHosts": "no",
        "HostKeyAlias": name,
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "IdentityFile": str(access.key_file) if access.has_key else "none",
        "LogLevel": "ERROR",
        "PasswordAuthentication": "no",
        "PreferredAuthentications": "publickey",
        "ServerAliveInterval": "15",
        "StrictHostKeyChecking": "yes" if access.knows_host(name) else "accept-new",
        "UpdateHostKeys": "no",
        "User": url.user or SSH_USER,
        "UserKnownHostsFile": str(access.known_hosts_file),
        **({"HostName": address} if address else {}),
    }
    options = [f"-o{key}={value}" for key, value in settings.items()]
    return Remote(url, address, (), {"GIT_SSH_COMMAND": shlex.join(["ssh", "-F", "/dev/null", *options]), "GIT_SSH_VARIANT": "ssh"})


def _http_remote(url: GitUrl, allowed_hosts: Collection[str], access: RepositoryAccess) -> Remote:
    for _ in range(MAX_REDIRECTS):
        address = checked_address(url, allowed_hosts)
        response = _request(url, address, access)
        if response.status not in REDIRECTS:
            _check_response(url, response, access)
            return Remote(url, address, (*_pinned_options(url, address), *access.git_options))
        target = urljoin(_base(url) + SERVICE, response.headers.get("Location", ""))
        if not target.endswith(SERVICE):
            raise BuildFailure(REPOSITORY_NOT_FOUND, f"{url.text} redirects to {target}, which is not a git repository.")
        try:
            url = GitUrl.parse(target.removesuffix(SERVICE))
        except BadGitUrl as error:
            raise BuildFailure(REPOSITORY_NOT_FOUND, f"{url.text} redirects to {target}: {error}.") from error
    raise BuildFailure(REPOSITORY_NOT_FOUND, f"{url.text} redirects more than {MAX_REDIRECTS} times.")


def _pinned_options(url: GitUrl, address: str) -> tuple[str, ...]:
    """Make git connect to `address` and to nothing else."""
    if not address:
        return ()
    host = f"[{address}]" if ":" in address else address
    return ("http.proxy=", f"http.curloptResolve={url.host}:{url.port}:{host}")


def _base(url: GitUrl) -> str:
    return url.text.rstrip("/")


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


def _request(url: GitUrl, address: str, access: RepositoryAccess) -> Response:
    """Return the server's response, whatever its status. Raises BuildFailure if there is none after MAX_ATTEMPTS."""
    direct = [urllib.request.ProxyHandler({}), _PinnedHandler(address)] if address else []
    opener = urllib.request.build_opener(_NoRedirects, *direct)
    headers = {"User-Agent": "git/2 capsule-builder", "Git-Protocol": "version=2"}
    if credential := access.credential_for(url):
        headers["Authorization"] = "Basic " + base64.b64encode(f"{credential.user}:{credential.token}".encode()).decode()
    request = urllib.request.Request(_base(url) + SERVICE, headers=headers)
    for remaining in reversed(range(MAX_ATTEMPTS)):
        try:
            response: HTTPResponse = opener.open(request, timeout=TIMEOUT_SECONDS)
            return response
        except urllib.error.HTTPError as error:
            if (error.status is not None and error.status < 500) or not remaining:
                return error
        except (OSError, http.client.HTTPException) as error:
            if not remaining:
                detail = f"Cannot connect to {url.authority}: {describe_error(error)}."
                raise BuildFailure(REPOSITORY_NOT_FOUND, detail) from error
        time.sleep(1)
    raise AssertionError("unreachable")


def _check_response(url: GitUrl, response: Response, access: RepositoryAccess) -> None:
    status, text = response.status, url.text
    if status in (401, 403) and access.credential_for(url):
        detail = f"{url.host} refuses the application's access token for {text}: it is expired or revoked, or does not include this repository."
        raise BuildFailure(REPOSITORY_PRIVATE, f"{detail} Store another one: capsule token set.")
    if status in (401, 403):
        detail = f"{text} requires authentication: the repository is private or does not exist (some hosts do not distinguish)."
        raise BuildFailure(REPOSITORY_PRIVATE, f"{detail} For a private repository, store an access token (capsule token set) or use a deploy key.")
    if status in (404, 410):
        hint = " A private repository needs an access token (capsule token set) or a deploy key." if not access.credential_for(url) else ""
        raise BuildFailure(REPOSITORY_NOT_FOUND, f"Repository {text} does not exist.{hint}")
    if status != 200:
        raise BuildFailure(REPOSITORY_NOT_FOUND, f"{text} answers git with HTTP status {status}.")
    if response.headers.get_content_type() != ADVERTISEMENT:
        raise BuildFailure(REPOSITORY_NOT_FOUND, f"{text} is not a git repository: the server answers with another kind of document.")
