"""Certificates that cert-manager keeps: requested, read back, renewed, failed, and a cluster without cert-manager."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from events.domains import DomainCertificateFailed, DomainCertificateIssued
from functions.deploy import ports
from functions.deploy.domain.cluster_certificates import ClusterCertificate, read_certificate
from functions.deploy.domain.domain_manifests import certificate
from functions.deploy.domain.domains import Domain
from tests.deploy.deploy_capsule import DeployCapsule
from tests.deploy.domain_world import HOST, check, proven, show
from tests.generated.kinds import faults
from tests.memory.deploy_domains import MemoryDomainObjects, MemoryResolver

ISSUER = "letsencrypt"
FAILURE = "The certificate request has failed to complete and will be retried: CAA record for shop.example.com prevents issuance"


@pytest.fixture
def capsule() -> DeployCapsule:
    return DeployCapsule(settings={"CAPSULE_ACME_DIRECTORY": "", "CAPSULE_CLUSTER_ISSUER": ISSUER})


@pytest.fixture
def resolver(capsule: DeployCapsule) -> MemoryResolver:
    found: MemoryResolver = capsule.port(ports.Resolver)
    return found


@pytest.fixture
def cluster(capsule: DeployCapsule) -> MemoryDomainObjects:
    found: MemoryDomainObjects = capsule.port(ports.DomainObjects)
    return found


async def test_its_state_is_read_back(capsule: DeployCapsule, resolver: MemoryResolver, cluster: MemoryDomainObjects) -> None:
    serving = await capsule.release()
    cluster.certificate = ClusterCertificate(is_ready=False)
    await proven(capsule, resolver, serving)
    kinds = {kind for kind, *_ in cluster.objects}
    assert kinds == {"DomainMapping", "Certificate"}
    waiting = await show(capsule, serving)
    assert (waiting.certificate.source, waiting.certificate.expires_at) == ("cluster", None)
    assert capsule.events(DomainCertificateIssued) == []

    first = capsule.clock.now() + timedelta(days=90)
    cluster.certificate = ClusterCertificate(True, ISSUER, capsule.clock.now(), first)
    await capsule.advance(minutes=1)
    (issued,) = capsule.events(DomainCertificateIssued)
    assert (issued.source, issued.issuer, issued.expires_at) == ("cluster", ISSUER, first)
    await check(capsule, serving)
    assert len(capsule.events(DomainCertificateIssued)) == 1, "the same certificate"

    cluster.certificate = ClusterCertificate(True, ISSUER, capsule.clock.now(), first, failures=1, failure=FAILURE, next_attempt_at=first)
    await check(capsule, serving)
    (failed,) = capsule.events(DomainCertificateFailed)
    assert failed.reason == FAILURE and failed.expires_at == first, "the former one is served still"

    cluster.certificate = ClusterCertificate(True, ISSUER, capsule.clock.now(), first + timedelta(days=60))
    await check(capsule, serving)
    assert [each.expires_at for each in capsule.events(DomainCertificateIssued)] == [first, first + timedelta(days=60)]


async def test_without_cert_manager_the_reason_is_shown(capsule: DeployCapsule, resolver: MemoryResolver, cluster: MemoryDomainObjects) -> None:
    serving = await capsule.release()
    await proven(capsule, resolver, serving)
    view = await show(capsule, serving)
    assert "cert-manager" in (view.certificate.failure or "")


def test_what_cert_manager_reports() -> None:
    domain = Domain(uuid4(), uuid4(), "staging", HOST, "token", datetime.now(UTC))
    object = certificate(domain, "shop", ISSUER)
    assert faults(object) == []
    issuing = {"type": "Issuing", "status": "True", "message": "Issuing certificate as Secret does not exist"}
    not_ready = {"type": "Ready", "status": "False", "message": "Issuing certificate as Secret does not exist"}
    first = read_certificate({**object, "status": {"conditions": [issuing, not_ready]}})
    assert (first.is_ready, first.failure) == (False, ""), "it is being issued"
    failed = {"type": "Issuing", "status": "False", "reason": "Failed", "message": FAILURE}
    status = {"conditions": [failed, not_ready], "failedIssuanceAttempts": 2, "lastFailureTime": "2026-11-30T12:00:00Z"}
    second = read_certificate({**object, "status": status})
    assert (second.failures, second.failure) == (2, FAILURE)
    assert second.next_attempt_at == datetime(2026, 11, 30, 14, tzinfo=UTC)
    ready = {"type": "Ready", "status": "True", "message": "Certificate is up to date and has not expired"}
    status = {"conditions": [ready], "notBefore": "2026-11-30T12:00:00Z", "notAfter": "2027-02-28T12:00:00Z"}
    third = read_certificate({**object, "status": status})
    assert third == ClusterCertificate(True, ISSUER, datetime(2026, 11, 30, 12, tzinfo=UTC), datetime(2027, 2, 28, 12, tzinfo=UTC))
