"""Ports of domains: their rows, DNS, certificate authorities, and the cluster's objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from functions.deploy.domain.certificate import Certificate
from functions.deploy.domain.cluster_certificates import ClusterCertificate
from functions.deploy.domain.dns_records import Answers, DnsRecords
from functions.deploy.domain.domains import Domain
from functions.deploy.domain.manifests import Manifest
from functions.kernel import Permanent, Transient


class ResolverUnavailable(Transient):
    """The resolver does not answer."""


class OrderFailed(Permanent):
    """The certificate authority refuses, cannot be reached, or could not validate the name. The message is for the domain's owner.

    `not_before`: when it may be tried again, as the authority says.
    """

    def __init__(self, message: str, not_before: datetime | None = None) -> None:
        super().__init__(message)
        self.not_before = not_before


@dataclass(frozen=True, slots=True)
class Account:
    """At a certificate authority. `key`: PEM. `thumbprint`: of its public key (RFC 7638), which answers challenges."""

    key: str
    thumbprint: str


@dataclass(frozen=True, slots=True)
class CertificatePolicy:
    """How this installation gets certificates: from an ACME directory, from cert-manager (`cluster_issuer`), or not at all."""

    directory: str = ""
    cluster_issuer: str = ""

    @property
    def is_issued(self) -> bool:
        return bool(self.directory or self.cluster_issuer)


class Domains(Protocol):
    """Callers that write lock the application first, then the domain."""

    async def add(self, domain: Domain) -> None:
        """Raises DomainTaken: this application has it already, or another environment has proven it."""
        ...

    async def get(self, application_id: UUID, host: str) -> Domain:
        """Raises DomainNotFound, also for one of another application."""
        ...

    async def lock(self, application_id: UUID, host: str) -> Domain:
        """`get`, with the row locked until the transaction ends."""
        ...

    async def find(self, domain_id: UUID) -> Domain | None: ...

    async def lock_any(self, domain_id: UUID) -> Domain | None: ...

    async def find_verified(self, application: str, host: str) -> Domain | None:
        """The proven domain of an active application, by its name."""
        ...

    async def save(self, domain: Domain) -> bool:
        """Store it. False: another environment has proven the host, and nothing is stored."""
        ...

    async def list_of(self, application_id: UUID, environment: str | None = None) -> Sequence[Domain]:
        """By host."""
        ...

    async def count_of_account(self, user_id: UUID) -> int: ...

    async def delete(self, domain_id: UUID) -> None: ...

    async def list_to_check(self, due_before: datetime, limit: int) -> Sequence[UUID]: ...

    async def list_to_issue(self, due_before: datetime, limit: int) -> Sequence[UUID]:
        """Proven domains with an order that is due, which lead here, or their challenges do. Own certificates are never ordered."""
        ...

    async def list_to_ask(self, due_before: datetime, limit: int) -> Sequence[UUID]:
        """Proven domains with a valid certificate of the authority, and a request for its renewal information that is due."""
        ...

    async def record_order(self, host: str, at: datetime) -> None: ...

    async def orders_since(self, host: str, since: datetime) -> Sequence[datetime]:
        """Oldest first."""
        ...

    async def delete_orders_before(self, before: datetime) -> None: ...

    async def find_account(self, directory: str) -> tuple[str, str] | None:
        """The sealed key of the account at a directory, and its thumbprint."""
        ...

    async def add_account(self, directory: str, sealed_key: str, thumbprint: str, at: datetime) -> None:
        """Does nothing if there is one."""
        ...


class Resolver(Protocol):
    async def look_up(self, records: DnsRecords) -> Answers:
        """Ask for the records of a domain and of its target. Names that do not exist have none. Raises ResolverUnavailable."""
        ...


class CertificateAuthority(Protocol):
    """Calls take seconds. Raises OrderFailed."""

    async def order(self, host: str, account: Account, challenge_name: str | None = None) -> tuple[str, str]:
        """Order a certificate by HTTP-01. `challenge_name`: by DNS-01, with a TXT record at this name, to which that of the host leads.

        Returns the chain and its new private key, in PEM.
        """
        ...


class RenewalInfo(Protocol):
    """What a certificate authority suggests (RFC 9773)."""

    async def find(self, chain: str) -> tuple[datetime | None, datetime]:
        """Return when to renew a certificate, and when to ask again. None: the authority suggests nothing. Raises OrderFailed."""
        ...


class CertificateReader(Protocol):
    """X.509. Pure."""

    def new_account(self) -> Account: ...

    def read(self, host: str, chain: str, key: str, now: datetime) -> Certificate:
        """Check a pair as clients would: it belongs together, is valid now, and covers the host. Without `sealed_key` and `source`.

        Raises InvalidCertificate.
        """
        ...

    def require_complete(self, chain: str) -> None:
        """Raises InvalidCertificate when an intermediate certificate is missing that the authority publishes. `read` has accepted the chain."""
        ...


class DomainObjects(Protocol):
    """The objects of domains in the cluster. Idempotent. Raises ClusterUnavailable, ClusterRefused."""

    async def apply(self, claim: Manifest, *objects: Manifest) -> None:
        """Apply the objects of a domain. Does nothing if the application's namespace does not exist: it is deleted, or was never deployed."""
        ...

    async def read_certificate(self, namespace: str, domain_id: UUID) -> ClusterCertificate | None:
        """What cert-manager says of the domain's Certificate. None if there is none, or no cert-manager."""
        ...

    async def delete(self, namespace: str, host: str, domain_id: UUID, *, keeps_host: bool) -> None:
        """Delete the Secret of a domain, its mapping in the namespace, and its claim, if it is of the namespace.

        `keeps_host`: the application has added the same host again, whose mapping and claim stay.
        """
        ...
