"""Request a certificate from the certificate authority.

The attempt is recorded before the order, so that what ends in between is tried later and not in a loop: a directory limits the orders and
the failed validations of a name.
"""

from events.domains import DomainCertificateFailed, DomainCertificateIssued, DomainCertificateRequested, DomainRefreshRequested
from functions.deploy.domain.certificate import CertificateSource
from functions.deploy.domain.domain_rejections import InvalidCertificate
from functions.deploy.domain.domains import PlatformNames
from functions.deploy.ports import (
    Account,
    Applications,
    CertificateAuthority,
    CertificatePolicy,
    CertificateReader,
    ClusterRefused,
    ClusterUnavailable,
    Domains,
    OrderFailed,
    Vault,
)
from functions.deploy.services.certificate_attempts import CertificateAttempts
from functions.deploy.services.domain_publisher import DomainPublisher
from functions.kernel import Clock, Scale, Work, effect


@effect(
    emits=[DomainCertificateIssued, DomainCertificateFailed, DomainCertificateRequested, DomainRefreshRequested], scale=Scale(max=2, concurrency=4)
)
async def on_domain_certificate_requested(
    event: DomainCertificateRequested,
    domains: Domains,
    applications: Applications,
    attempts: CertificateAttempts,
    authority: CertificateAuthority,
    reader: CertificateReader,
    publisher: DomainPublisher,
    policy: CertificatePolicy,
    names: PlatformNames,
    vault: Vault,
    clock: Clock,
    work: Work,
) -> None:
    async with work.preparing():
        started = await attempts.start(event.domain_id)
    if started is None:
        return
    domain, application, account = started

    failure: OrderFailed | None = None
    if policy.directory:
        try:
            await publisher.publish(application.name, domain.host, domain.id, work)  # the ingress answers challenges by the account's thumbprint
            challenge_name = domain.records(names).challenge_target if domain.is_delegated and names.answers_dns_challenges else None
            chain, key = await authority.order(domain.host, Account(vault.open(account[0]), account[1]), challenge_name)
            certificate = reader.read(domain.host, chain, key, clock.now())
            certificate.source, certificate.sealed_key = CertificateSource.ACME, vault.seal(key)
        except OrderFailed as error:
            failure = error
        except (ClusterUnavailable, ClusterRefused) as error:  # a repeated message would find the attempt, and order nothing
            failure = OrderFailed(f"The ingress could not be prepared for the validation: {error}")
        except InvalidCertificate as error:
            failure = OrderFailed(f"The certificate authority issued what clients would refuse: {error}")

    async with work.recording() as record:
        application = await applications.lock_any(domain.application_id)
        stored = await domains.lock_any(domain.id)
        if stored is None or stored.verified_at is None or stored.certificate.source is CertificateSource.OWN:
            return  # removed, lost or replaced meanwhile
        if failure is not None:
            record.emit(*stored.record_failure(application, str(failure), clock.now(), failure.not_before))
        elif policy.directory:
            record.emit(*stored.record_certificate(application, certificate, clock.now()))
        else:
            stored.certificate.source, stored.certificate.failures = CertificateSource.CLUSTER, 0
            record.emit(stored.refresh_event(application))
        await domains.save(stored)
