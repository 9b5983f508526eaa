"""Request the renewal information of a certificate.

The authority suggests an early renewal before it revokes one, for example (RFC 9773).
"""

from events.domains import DomainCertificateRequested, DomainRenewalInfoRequested
from functions.deploy.domain.certificate import RENEWAL_INFO_PAUSE, CertificateSource
from functions.deploy.ports import Domains, OrderFailed, RenewalInfo
from functions.kernel import Clock, Scale, Work, effect


@effect(emits=[DomainCertificateRequested], scale=Scale(max=1, concurrency=4))
async def on_domain_renewal_info_requested(
    event: DomainRenewalInfoRequested, domains: Domains, renewal_info: RenewalInfo, clock: Clock, work: Work
) -> None:
    async with work.reading():
        domain = await domains.find(event.domain_id)
    if domain is None or domain.certificate.source is not CertificateSource.ACME or domain.certificate.chain is None:
        return
    try:
        suggested_at, ask_at = await renewal_info.find(domain.certificate.chain)
    except OrderFailed:
        suggested_at, ask_at = None, clock.now() + RENEWAL_INFO_PAUSE

    async with work.recording() as record:
        stored = await domains.lock_any(domain.id)
        if stored is None or stored.certificate.chain != domain.certificate.chain:
            return  # removed, or replaced meanwhile
        record.emit(*stored.record_renewal_info(suggested_at, ask_at, clock.now()))
        await domains.save(stored)
