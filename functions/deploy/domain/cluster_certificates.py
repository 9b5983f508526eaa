"""Certificates that cert-manager keeps on a cluster: what its Certificate says, and what becomes of the domain.

https://cert-manager.io/docs/reference/api-docs/#cert-manager.io/v1.CertificateStatus
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from events.domains import DomainCertificateFailed, DomainCertificateIssued
from functions.deploy.domain.application import Application
from functions.deploy.domain.certificate import CertificateSource
from functions.deploy.domain.domains import Domain
from functions.kernel import Events, after

FIRST_PAUSE, NEXT_PAUSE = timedelta(seconds=30), timedelta(minutes=10)
FIRST_READINGS, READINGS_END = timedelta(minutes=15), timedelta(hours=3)
"""A certificate that is being issued is read often at first, then seldom, then with the daily check of the domain."""
MISSING = (
    "The cluster has no Certificate of the domain: cert-manager (https://cert-manager.io) is not installed, "
    "or nothing was deployed to the environment."
)


@dataclass(frozen=True, slots=True)
class ClusterCertificate:
    """`failures`: of issuing in a row. `failure`: the last one, in words of cert-manager."""

    is_ready: bool
    issuer: str = ""
    issued_at: datetime | None = None
    expires_at: datetime | None = None
    failures: int = 0
    failure: str = ""
    next_attempt_at: datetime | None = None


def read_certificate(certificate: Mapping[str, Any]) -> ClusterCertificate:
    """While it is issued for the first time, Ready is False too: a failure is one that cert-manager counts."""
    status = certificate.get("status") or {}
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    failures = int(status.get("failedIssuanceAttempts", 0))
    issuing, ready = conditions.get("Issuing", {}), conditions.get("Ready", {})
    message = issuing.get("message") or ready.get("message") or "cert-manager could not issue the certificate"
    last = _time(status.get("lastFailureTime"))
    return ClusterCertificate(
        is_ready=ready.get("status") == "True",
        issuer=certificate["spec"]["issuerRef"]["name"],
        issued_at=_time(status.get("notBefore")),
        expires_at=_time(status.get("notAfter")),
        failures=failures,
        failure=message if failures else "",
        next_attempt_at=last + min(timedelta(hours=1) * 2 ** (failures - 1), timedelta(hours=32)) if last and failures else None,
    )


def record_reading(domain: Domain, application: Application, reading: ClusterCertificate | None, at: datetime) -> Events:
    """Record what the cluster says; None: there is no Certificate. Idempotent. Returns what follows, also the next reading."""
    stored = domain.certificate
    assert stored.source is CertificateSource.CLUSTER, "only for certificates of the cluster"
    stored.attempted_at = stored.attempted_at or at
    if reading is None:
        stored.failure = MISSING
    elif reading.is_ready and reading.expires_at is not None:
        return _issued(domain, application, reading, at)
    elif reading.failures > stored.failures:
        stored.failures, stored.failure, stored.next_attempt_at = reading.failures, reading.failure, reading.next_attempt_at or at
        return (_failed(domain, application, at), *_next_reading(domain, application, at))
    return _next_reading(domain, application, at)


def _issued(domain: Domain, application: Application, reading: ClusterCertificate, at: datetime) -> Events:
    """Between a failed renewal and its next attempt the former certificate stays ready."""
    stored = domain.certificate
    assert reading.expires_at is not None
    is_new = stored.expires_at != reading.expires_at
    has_failed = reading.failures > stored.failures
    stored.issuer, stored.issued_at, stored.expires_at = reading.issuer, reading.issued_at, reading.expires_at
    stored.failures, stored.failure = reading.failures, reading.failure or None
    stored.next_attempt_at = reading.next_attempt_at
    stored.attempted_at = None if not reading.failures else stored.attempted_at
    if has_failed:
        return (_failed(domain, application, at),)
    if not is_new:
        return ()
    return (
        DomainCertificateIssued(
            **_fields(domain, application, at), source=CertificateSource.CLUSTER, issuer=reading.issuer, expires_at=reading.expires_at
        ),
    )


def _failed(domain: Domain, application: Application, at: datetime) -> DomainCertificateFailed:
    stored = domain.certificate
    return DomainCertificateFailed(
        **_fields(domain, application, at),
        reason=stored.failure or "",
        failures=stored.failures,
        next_attempt_at=stored.next_attempt_at or at,
        expires_at=stored.expires_at,
    )


def _fields(domain: Domain, application: Application, at: datetime) -> dict[str, Any]:
    return {
        **{"domain_id": domain.id, "host": domain.host, "environment": domain.environment, "at": at},
        **{"application_id": application.id, "application": application.name, "user_id": application.user_id},
    }


def _next_reading(domain: Domain, application: Application, at: datetime) -> Events:
    began = domain.certificate.attempted_at or at
    if at - began > READINGS_END:
        return ()
    return (after(FIRST_PAUSE if at - began < FIRST_READINGS else NEXT_PAUSE, domain.refresh_event(application)),)


def _time(text: str | None) -> datetime | None:
    """RFC 3339, as Kubernetes writes it."""
    return datetime.fromisoformat(text) if text else None
