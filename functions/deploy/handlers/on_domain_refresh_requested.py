"""Apply a domain's objects to the cluster, or delete them.

Records what became of a certificate that the cluster keeps.
"""

from events.domains import DomainCertificateFailed, DomainCertificateIssued, DomainRefreshRequested
from functions.deploy.domain.cluster_certificates import record_reading
from functions.deploy.domain.domain_manifests import is_of_cluster
from functions.deploy.domain.names import namespace_of
from functions.deploy.ports import Applications, DomainObjects, Domains
from functions.deploy.services.domain_publisher import DomainPublisher
from functions.kernel import Clock, Retry, Work, effect


@effect(emits=[DomainCertificateIssued, DomainCertificateFailed, DomainRefreshRequested], retry=Retry(attempts=12))
async def on_domain_refresh_requested(
    event: DomainRefreshRequested,
    publisher: DomainPublisher,
    domains: Domains,
    applications: Applications,
    objects: DomainObjects,
    clock: Clock,
    work: Work,
) -> None:
    await publisher.publish(event.application, event.host, event.domain_id, work)
    async with work.reading():
        published = await domains.find(event.domain_id)
    if published is None or published.verified_at is None or not is_of_cluster(published):
        async with work.recording():
            return
    reading = await objects.read_certificate(namespace_of(event.application), event.domain_id)

    async with work.recording() as record:
        application = await applications.lock_any(published.application_id)
        domain = await domains.lock_any(event.domain_id)
        if domain is None or domain.verified_at is None or not is_of_cluster(domain):
            return  # removed, lost or replaced meanwhile
        record.emit(*record_reading(domain, application, reading, clock.now()))
        await domains.save(domain)
