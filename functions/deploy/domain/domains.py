"""A domain of an environment: a host name of its owner's, with its DNS records, its proof of ownership and its certificate.

The rule of ownership. A domain belongs to one environment in the whole installation: the first that proves it. Anybody may add a name, which
reserves nothing. Proof is either of

- a CNAME record of the domain that names the target of this claim, `capsule-<token>.<domain of applications>`, which also leads visitors here;
- a TXT record at `_capsule.<domain>` with the claim's token, for names that cannot have a CNAME (a zone's apex, RFC 1034 section 3.6.2).

A and AAAA records lead visitors here and prove nothing: all tenants share the addresses, so a name whose records were left behind would belong to
whoever adds it first. Tokens are random and of one claim, so a record that was left behind gives nobody a right. A proven domain that leads here no
more, for a week, loses its proof.
"""

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

import idna
from pydantic import AfterValidator, Field

from events.domains import (
    DomainAdded,
    DomainCertificateExpiring,
    DomainCertificateFailed,
    DomainCertificateIssued,
    DomainCertificateRequested,
    DomainCheckRequested,
    DomainRefreshRequested,
    DomainRemoved,
    DomainUnverified,
    DomainVerified,
)
from functions.deploy.domain.application import Application
from functions.deploy.domain.certificate import Certificate, CertificateSource, renewal_at, retry_at
from functions.deploy.domain.dns_records import DnsRecords, Finding, Proof, assess
from functions.deploy.domain.domain_rejections import DomainNotVerified, DomainReserved, InvalidDomain
from functions.deploy.domain.environment import Environment
from functions.kernel import Events, OutgoingMessage, after, new_id

MAX_DOMAINS = 50
"""Of one account."""
MAX_HOST_LENGTH = 253
LOST_AFTER = timedelta(days=7)
"""How long a proven domain may lead elsewhere."""
CHECK_DAILY = timedelta(days=1)
CHECK_PAUSES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(hours=6))
"""Between checks of a domain that is not proven yet; the last is repeated."""
GIVE_UP_AFTER = timedelta(days=30)
"""How long an unproven domain is checked by itself."""
MAX_HSTS_SECONDS = 63_072_000
SPECIAL = ("localhost", "local", "internal", "invalid", "onion", "arpa")
"""Names that no public authority certifies (RFC 6761, RFC 6762, RFC 7686)."""
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class DomainState(StrEnum):
    PENDING = "pending"
    """Its ownership is not proven."""
    VERIFIED = "verified"


def _to_ascii(name: str) -> str:
    """Raises IDNAError, UnicodeError, also for an A-label that decodes to nothing (RFC 5890, 2.3.2.1): no authority certifies it."""
    host = idna.encode(name, uts46=True).decode() if not name.isascii() else name
    for label in host.split("."):
        if label.startswith("xn--"):
            idna.decode(label)
    return host


def _read_host(text: str) -> str:
    """A name that no domain can have stays as it is: it is not found."""
    name = text.strip().rstrip(".").lower()
    try:
        return _to_ascii(name)
    except (idna.IDNAError, UnicodeError):
        return name


Host = Annotated[str, Field(max_length=300, examples=["shop.example.com"]), AfterValidator(_read_host)]
"""The name of a domain that exists, in the form in which it was added: in any case, with the final dot, in Unicode or ASCII."""


def parse_host(text: str) -> str:
    """Return a host name in ASCII and lower case (RFC 5891). Raises InvalidDomain."""
    name = text.strip().rstrip(".").lower()
    if name.startswith("*."):
        raise InvalidDomain.host("wildcards are not supported: add each name")
    try:
        host = _to_ascii(name)
    except (idna.IDNAError, UnicodeError) as error:
        raise InvalidDomain.host(f"{text[:80]!r} is not a host name: {error}") from error
    labels = host.split(".")
    if len(host) > MAX_HOST_LENGTH or len(labels) < 2 or not all(_LABEL.fullmatch(each) for each in labels) or labels[-1].isdigit():
        raise InvalidDomain.host(f"{text[:80]!r} is not a host name: use a name with a dot, such as shop.example.com")
    if labels[-1] in SPECIAL:
        raise InvalidDomain.host(f"names below .{labels[-1]} are not public: use a domain of your own, such as shop.example.com")
    return host


@dataclass(frozen=True, slots=True)
class PlatformNames:
    """The names that the platform itself has: no tenant gets one of them. `target_domain`: below which targets of claims are.

    `answers_dns_challenges`: whether the operator's DNS hook creates records below it.
    """

    hosts: tuple[str, ...] = ()
    target_domain: str = "localhost"
    answers_dns_challenges: bool = False

    def check(self, host: str) -> None:
        """Raises DomainReserved."""
        for each in self.hosts:
            if host == each:
                raise DomainReserved.of(host, each)
        if host == self.target_domain or host.endswith(f".{self.target_domain}"):
            raise DomainReserved.of(host, self.target_domain)


@dataclass(slots=True)
class Domain:
    id: UUID
    application_id: UUID
    environment: str
    host: str
    token: str
    created_at: datetime
    verified_at: datetime | None = None
    proof: Proof | None = None
    redirects: bool = True
    """Plain HTTP leads to HTTPS, once there is a certificate."""
    hsts_seconds: int | None = None
    checked_at: datetime | None = None
    next_check_at: datetime | None = None
    """None: it is checked on request only."""
    checks: int = 0
    """Since it was added or requested."""
    is_pointed_here: bool = False
    problem: str | None = None
    """What is missing in DNS, as a sentence."""
    lost_at: datetime | None = None
    """Since when a proven domain leads elsewhere."""
    is_delegated: bool = False
    """Its DNS challenges lead here, so certificates come by DNS-01."""
    certificate: Certificate = field(default_factory=Certificate)

    @classmethod
    def add(cls, application: Application, environment: Environment, host: str, names: PlatformNames, at: datetime) -> tuple[Self, Events]:
        """Raises InvalidDomain, DomainReserved."""
        host = parse_host(host)
        names.check(host)
        domain = cls(new_id(), application.id, environment.name, host, secrets.token_hex(10), at, next_check_at=at)
        return domain, (DomainAdded(**domain._names(application, at)), DomainCheckRequested(domain_id=domain.id))

    @property
    def state(self) -> DomainState:
        return DomainState.VERIFIED if self.verified_at else DomainState.PENDING

    @property
    def can_be_validated(self) -> bool:
        """Whether a certificate authority reaches this installation by the domain, over HTTP or by DNS."""
        return self.is_pointed_here or self.is_delegated

    def target(self, names: PlatformNames) -> str:
        return f"capsule-{self.token}.{names.target_domain}"

    def records(self, names: PlatformNames) -> DnsRecords:
        return DnsRecords(self.host, self.target(names), self.token)

    def require_verified(self) -> None:
        """Raises DomainNotVerified."""
        if self.verified_at is None:
            raise DomainNotVerified.of(self.host)

    def request_check(self, at: datetime) -> Events:
        self.checks, self.next_check_at = 0, at
        return (DomainCheckRequested(domain_id=self.id),)

    def record_check(
        self, application: Application, finding: Finding, names: PlatformNames, at: datetime, *, is_issued: bool
    ) -> tuple[OutgoingMessage, ...]:
        """Record what DNS has, and what follows. `is_issued`: whether this installation orders certificates."""
        self.checked_at, self.checks, self.is_pointed_here = at, self.checks + 1, finding.is_pointed_here
        self.is_delegated = finding.is_delegated and names.answers_dns_challenges
        self.problem = assess(self.records(names), finding, is_verified=self.verified_at is not None)
        events: list[OutgoingMessage] = []
        if finding.proof is not None and self.verified_at is None:
            self.verified_at, self.proof = at, finding.proof
            self.problem = assess(self.records(names), finding, is_verified=True)
            events += [DomainVerified(**self._names(application, at), proof=finding.proof), self.refresh_event(application)]
        if self.verified_at is not None:
            events += self._record_loss(application, finding, at)
        if self.verified_at is not None and self.can_be_validated and is_issued and self.certificate.is_due(at):
            events.append(DomainCertificateRequested(domain_id=self.id))
        if self.certificate.needs_warning(at):
            events.append(self._expiring(application, at))
        if self.verified_at is not None and self.certificate.source is CertificateSource.CLUSTER:
            events.append(self.refresh_event(application))  # reads what the cluster says of it
        events += self._schedule_check(at)
        return tuple(events)

    def record_unresolved(self, problem: str, at: datetime) -> Events:
        """The resolver has no answer: what is known stays as it is."""
        self.checked_at, self.checks, self.problem = at, self.checks + 1, problem
        return self._schedule_check(at)

    def record_taken(self, at: datetime) -> None:
        """Another environment has proven the domain."""
        self.verified_at = self.proof = None
        self.problem = f"{self.host} belongs to another environment of this installation. Remove it there first."
        self.next_check_at = at + CHECK_PAUSES[-1]

    def _record_loss(self, application: Application, finding: Finding, at: datetime) -> Events:
        if finding.is_pointed_here or finding.proof is not None:
            self.lost_at = None
            return ()
        self.lost_at = self.lost_at or at
        if at - self.lost_at < LOST_AFTER:
            return ()
        self.verified_at = self.proof = self.lost_at = None
        self.certificate = Certificate()
        return (DomainUnverified(**self._names(application, at)), self.refresh_event(application))

    def _schedule_check(self, at: datetime) -> Events:
        if self.verified_at is not None and self.is_pointed_here:
            self.next_check_at = at + CHECK_DAILY
            return ()
        if at - self.created_at > GIVE_UP_AFTER and self.verified_at is None:
            self.next_check_at = None
            return ()
        pause = CHECK_PAUSES[min(self.checks, len(CHECK_PAUSES)) - 1]
        self.next_check_at = at + pause
        return (after(pause, DomainCheckRequested(domain_id=self.id)),) if pause <= timedelta(minutes=15) else ()

    def start_attempt(self, at: datetime) -> None:
        """Before an order: what ends in between is tried again later, not at once."""
        self.certificate.failures += 1
        self.certificate.attempted_at = at
        self.certificate.next_attempt_at = retry_at(self.id, self.certificate.failures, at)

    def record_certificate(self, application: Application, issued: Certificate, at: datetime) -> Events:
        issued.next_attempt_at = renewal_at(self.id, issued) if issued.source is CertificateSource.ACME else None
        self.certificate = issued
        assert issued.expires_at is not None
        event = DomainCertificateIssued(
            **self._names(application, at), source=issued.source or "", issuer=issued.issuer, expires_at=issued.expires_at
        )
        return (event, self.refresh_event(application))

    def record_renewal_info(self, suggested_at: datetime | None, ask_at: datetime, at: datetime) -> Events:
        """Renew earlier than planned, when the authority suggests it (RFC 9773): it revokes the certificate, for example."""
        certificate = self.certificate
        certificate.renewal_info_at = ask_at
        if suggested_at is not None and certificate.next_attempt_at is not None and certificate.failures == 0:
            certificate.next_attempt_at = min(certificate.next_attempt_at, suggested_at)
        return (DomainCertificateRequested(domain_id=self.id),) if self.can_be_validated and certificate.is_due(at) else ()

    def _expiring(self, application: Application, at: datetime) -> DomainCertificateExpiring:
        self.certificate.warned_at = at
        assert self.certificate.expires_at is not None
        return DomainCertificateExpiring(**self._names(application, at), issuer=self.certificate.issuer, expires_at=self.certificate.expires_at)

    def record_failure(self, application: Application, reason: str, at: datetime, not_before: datetime | None = None) -> Events:
        """Call it after `start_attempt`. `not_before`: what the authority asks for."""
        failed = self.certificate
        failed.failure = reason
        assert failed.next_attempt_at is not None
        failed.next_attempt_at = max(failed.next_attempt_at, not_before or at)
        pause = failed.next_attempt_at - at
        retry = (after(pause, DomainCertificateRequested(domain_id=self.id)),) if pause <= timedelta(minutes=20) else ()
        event = DomainCertificateFailed(
            **self._names(application, at),
            reason=reason,
            failures=failed.failures,
            next_attempt_at=failed.next_attempt_at,
            expires_at=failed.expires_at,
        )
        return (event, *retry)

    def remove(self, application: Application, at: datetime) -> Events:
        return (DomainRemoved(**self._names(application, at)), self.refresh_event(application))

    def refresh_event(self, application: Application) -> DomainRefreshRequested:
        return DomainRefreshRequested(domain_id=self.id, application=application.name, host=self.host)

    def _names(self, application: Application, at: datetime) -> dict[str, Any]:
        return {
            "domain_id": self.id,
            "application_id": application.id,
            "user_id": application.user_id,
            "application": application.name,
            "environment": self.environment,
            "host": self.host,
            "at": at,
        }
