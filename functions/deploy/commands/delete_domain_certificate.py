"""Delete the certificate of a domain.

One is ordered from the installation's certificate authority, if it has one.
"""

from uuid import UUID

from events.domains import DomainCertificateRequested, DomainRefreshRequested
from functions.deploy.domain.certificate import Certificate
from functions.deploy.domain.domain_rejections import DomainNotFound
from functions.deploy.domain.domain_views import DomainView
from functions.deploy.domain.domains import Host, PlatformNames
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, CertificatePolicy, Domains
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Change, Done, Model, OutgoingMessage, Permission, Permit, command


class DeleteDomainCertificate(Model):
    application_id: UUID
    host: Host


@command(
    http="DELETE /v1/apps/{application_id}/domains/{host}/certificate",
    permission=Permission.APP_CONFIGURE,
    rejects=[ApplicationNotFound, DomainNotFound],
    emits=[DomainRefreshRequested, DomainCertificateRequested],
)
async def delete_domain_certificate(
    request: DeleteDomainCertificate,
    applications: Applications,
    domains: Domains,
    policy: CertificatePolicy,
    names: PlatformNames,
    control: AccessControl,
    permit: Permit,
) -> Done[DomainView]:
    checked = await control.to_some_environment(permit, request.application_id)
    application = await applications.lock(checked)
    domain = await domains.lock(application.id, request.host)
    checked.require_in(domain.environment)
    if domain.certificate.source is None:
        return Done(DomainView.of(domain, names))
    former = domain.certificate
    domain.certificate = Certificate(next_attempt_at=former.next_attempt_at if former.failures else None, failures=former.failures)
    await domains.save(domain)
    events: list[OutgoingMessage] = [domain.refresh_event(application)]
    if policy.is_issued and domain.verified_at is not None and domain.is_pointed_here:
        events.append(DomainCertificateRequested(domain_id=domain.id))
    return Done(DomainView.of(domain, names), *events, change=Change(before={"domain": domain.host, "certificate": former.issuer}))
