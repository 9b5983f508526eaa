"""How the API shows a domain."""

from datetime import datetime
from typing import Self
from uuid import UUID

from functions.deploy.domain.certificate import CertificateSource
from functions.deploy.domain.dns_records import Proof
from functions.deploy.domain.domains import Domain, DomainState, PlatformNames
from functions.deploy.domain.names import EnvironmentName
from functions.kernel import Model


class DnsRecordView(Model):
    name: str
    type: str
    value: str


class CertificateView(Model):
    source: CertificateSource | None
    """`acme`: ordered from a certificate authority; `own`: uploaded; `cluster`: cert-manager has it; null: there is none."""
    issuer: str
    issued_at: datetime | None
    expires_at: datetime | None
    next_attempt_at: datetime | None
    """When the next one is ordered."""
    failures: int
    """Since the last success."""
    failure: str | None
    """Why the last order failed."""


class DomainView(Model):
    id: UUID
    host: str
    environment: EnvironmentName
    state: DomainState
    proof: Proof | None
    problem: str | None
    """What is missing in DNS, as a sentence; null: nothing."""
    records: list[DnsRecordView]
    """The records that prove the ownership, each alone: a CNAME, which also leads here, or a TXT beside address records."""
    challenge: DnsRecordView | None
    """Optional: with this record certificates come by DNS-01, also before the domain leads here. null: this installation has no DNS hook."""
    is_pointed_here: bool
    is_delegated: bool
    """Whether that record exists."""
    redirects: bool
    """Whether plain HTTP leads to HTTPS, once there is a certificate."""
    hsts_seconds: int | None
    """`max-age` of Strict-Transport-Security; null: it is not sent."""
    created_at: datetime
    verified_at: datetime | None
    checked_at: datetime | None
    next_check_at: datetime | None
    lost_at: datetime | None
    """Since when a proven domain leads elsewhere. After a week it is served no more."""
    certificate: CertificateView

    @classmethod
    def of(cls, domain: Domain, names: PlatformNames) -> Self:
        records = domain.records(names)
        certificate = domain.certificate
        return cls(
            id=domain.id,
            host=domain.host,
            environment=domain.environment,
            state=domain.state,
            proof=domain.proof,
            problem=domain.problem,
            records=[
                DnsRecordView(name=records.host, type="CNAME", value=records.target),
                DnsRecordView(name=records.txt_name, type="TXT", value=records.txt_value),
            ],
            challenge=(
                DnsRecordView(name=records.challenge_name, type="CNAME", value=records.challenge_target) if names.answers_dns_challenges else None
            ),
            is_pointed_here=domain.is_pointed_here,
            is_delegated=domain.is_delegated,
            redirects=domain.redirects,
            hsts_seconds=domain.hsts_seconds,
            created_at=domain.created_at,
            verified_at=domain.verified_at,
            checked_at=domain.checked_at,
            next_check_at=domain.next_check_at,
            lost_at=domain.lost_at,
            certificate=CertificateView(
                source=certificate.source,
                issuer=certificate.issuer,
                issued_at=certificate.issued_at,
                expires_at=certificate.expires_at,
                next_attempt_at=certificate.next_attempt_at,
                failures=certificate.failures,
                failure=certificate.failure,
            ),
        )
