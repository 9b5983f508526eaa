"""Verify the DNS records of a domain.

Records what is proven and what is missing.
"""

from events.domains import (
    DomainCertificateExpiring,
    DomainCertificateRequested,
    DomainCheckRequested,
    DomainRefreshRequested,
    DomainUnverified,
    DomainVerified,
)
from functions.deploy.domain.dns_records import find
from functions.deploy.domain.domains import PlatformNames
from functions.deploy.ports import Applications, CertificatePolicy, Domains, Resolver, ResolverUnavailable
from functions.kernel import Clock, Work, effect


@effect(
    emits=[
        *(DomainVerified, DomainUnverified, DomainRefreshRequested),
        *(DomainCertificateRequested, DomainCertificateExpiring, DomainCheckRequested),
    ]
)
async def on_domain_check_requested(
    event: DomainCheckRequested,
    domains: Domains,
    applications: Applications,
    resolver: Resolver,
    policy: CertificatePolicy,
    names: PlatformNames,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        domain = await domains.find(event.domain_id)
    if domain is None:
        return  # removed
    try:
        finding = find(domain.records(names), await resolver.look_up(domain.records(names)))
    except ResolverUnavailable as error:  # a zone whose servers do not answer is its owner's fault: nothing to retry at once
        finding, problem = None, str(error)

    async with work.recording() as record:
        application = await applications.lock_any(domain.application_id)
        stored = await domains.lock_any(domain.id)
        if stored is None:
            return
        if finding is None:
            record.emit(*stored.record_unresolved(problem, clock.now()))
            await domains.save(stored)
            return
        events = stored.record_check(application, finding, names, clock.now(), is_issued=policy.is_issued)
        if await domains.save(stored):
            record.emit(*events)
        else:
            stored.record_taken(clock.now())
            await domains.save(stored)
