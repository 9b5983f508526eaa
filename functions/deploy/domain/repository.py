"""Where code may be cloned from. The builder checks again what a name resolves to: here no network may be asked."""

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from functions.deploy.domain.rejections import InvalidRepository, RepositoryNotAllowed
from functions.kernel import FieldError

LONGEST_ADDRESS = 500
PORTS = {"http": 80, "https": 443}
INSIDE = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "cluster.local", "svc", "home.arpa")


@dataclass(frozen=True, slots=True)
class Repository:
    """The address of a git repository, as it was given and without credentials: those would end in logs and manifests."""

    url: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Repository":
        if len(text) > LONGEST_ADDRESS or re.search(r"[\s\x00-\x1f\x7f\\]", text):
            raise _invalid("it is too long or has characters that no address has")
        try:
            parts = urlsplit(text)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError as error:
            raise _invalid("its host or port cannot be read") from error
        if parts.scheme not in PORTS or not host:
            raise _invalid("give an http:// or https:// address")
        if parts.username is not None or parts.password is not None:
            raise _invalid("leave user names, passwords and tokens out of the address")
        if parts.query or parts.fragment or parts.path in ("", "/"):
            raise _invalid("give the address of one repository, as you would to git clone")
        return cls(text, host, port or PORTS[parts.scheme])


@dataclass(frozen=True, slots=True)
class RepositoryPolicy:
    """Public hosts, and those that the operator has listed (`host` or `host:port`): a private address would let a tenant's build look around
    inside."""

    listed: Collection[str] = field(default_factory=frozenset)

    def admit(self, text: str) -> Repository:
        """Raises InvalidRepository, RepositoryNotAllowed."""
        repository = Repository.parse(text)
        if repository.host in self.listed or f"{repository.host}:{repository.port}" in self.listed:
            return repository
        if not is_public(repository.host):
            detail = f"{repository.host} is a private address; an operator can list it in CAPSULE_REPOSITORY_HOSTS"
            raise RepositoryNotAllowed(detail, errors=[FieldError("/repository", detail)])
        return repository


def is_public(host: str) -> bool:
    """By its looks alone: a number in any notation that a resolver takes counts as the address that it means."""
    if re.fullmatch(r"(0x[0-9a-f]+|[0-9]+)(\.(0x[0-9a-f]+|[0-9]+)){0,3}", host) and not _is_address(host):
        return False  # 127.1, 0x7f000001, 2130706433: nobody writes a public address so
    if not _is_address(host):
        return "." in host and not any(host == each or host.endswith(f".{each}") for each in INSIDE)
    address = ipaddress.ip_address(host)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_global and not address.is_multicast


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _invalid(detail: str) -> InvalidRepository:
    return InvalidRepository(f"The repository cannot be cloned from: {detail}", errors=[FieldError("/repository", detail)])
