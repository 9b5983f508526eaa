"""Which repositories may be cloned.

This check works on the URL alone. Commands do not use the network, so `create_application` cannot know whether the
repository answers; the build is the first to connect. It fails within seconds for a host that does not resolve, and the
builder repeats the address check on what the name resolves to.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from functions.deploy.domain.rejections import InvalidRepository, RepositoryNotAllowed
from functions.kernel import FieldError
from functions.wire.addresses import is_listed, is_public, parse_address

MAX_URL_LENGTH = 500
DEFAULT_PORTS = {"http": 80, "https": 443}
INTERNAL_DOMAINS = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "cluster.local", "svc", "home.arpa")


@dataclass(frozen=True, slots=True)
class Repository:
    """URL of a git repository. Without credentials: they would end up in logs and manifests."""

    url: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Repository":
        """Raises InvalidRepository."""
        if len(text) > MAX_URL_LENGTH or re.search(r"[\s\x00-\x1f\x7f\\]", text):
            raise _invalid(f"it has more than {MAX_URL_LENGTH} characters, or contains spaces or control characters")
        try:
            parts = urlsplit(text)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError as error:
            raise _invalid("its host or port is not valid") from error
        if parts.scheme not in DEFAULT_PORTS or not host:
            raise _invalid("use an http:// or https:// URL")
        if parts.username is not None or parts.password is not None:
            raise _invalid("remove user name, password and token from the URL")
        if parts.query or parts.fragment or parts.path in ("", "/"):
            raise _invalid("use the URL that you pass to git clone")
        return cls(text, host, port or DEFAULT_PORTS[parts.scheme])


@dataclass(frozen=True, slots=True)
class RepositoryPolicy:
    """Allows public hosts and those that the operator lists (`host` or `host:port`). Private addresses would give
    builds access to internal networks."""

    allowed_hosts: Collection[str] = field(default_factory=frozenset)

    def admit(self, text: str) -> Repository:
        """Parse the URL and check its host. Raises InvalidRepository, RepositoryNotAllowed."""
        repository = Repository.parse(text)
        if is_listed(repository.host, repository.port, self.allowed_hosts):
            return repository
        if not is_public_host(repository.host):
            detail = f"{repository.host} is a private address. An operator can allow it with CAPSULE_REPOSITORY_HOSTS"
            raise RepositoryNotAllowed(f"{detail}.", errors=[FieldError("/repository", detail)])
        return repository


def is_public_host(host: str) -> bool:
    """Whether the host is public, without resolving it. A number in any notation that resolvers accept counts as the
    address it stands for."""
    if address := parse_address(host):
        return is_public(address)
    if re.fullmatch(r"(0x[0-9a-f]+|[0-9]+)(\.(0x[0-9a-f]+|[0-9]+)){0,3}", host):
        return False  # 127.1, 0x7f000001, 2130706433
    return "." in host and not any(host == each or host.endswith(f".{each}") for each in INTERNAL_DOMAINS)


def _invalid(detail: str) -> InvalidRepository:
    return InvalidRepository(f"The repository URL is not valid: {detail}.", errors=[FieldError("/repository", detail)])
