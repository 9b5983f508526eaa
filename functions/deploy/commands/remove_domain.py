"""Remove a domain with its certificate.

It is served no more, and another environment may have it. Irreversible.
"""

from uuid import UUID

from events.domains import DomainRefreshRequested, DomainRemoved
from functions.deploy.domain.domain_rejections import DomainNotFound
from functions.deploy.domain.domain_views import DomainView
from functions.deploy.domain.domains import Host, PlatformNames
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Domains
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, command


class RemoveDomain(Model):
    application_id: UUID
    host: Host


@command(
    http="DELETE /v1/apps/{application_id}/domains/{host}",
    permission=Permission.APP_CONFIGURE,
    rejects=[ApplicationNotFound, DomainNotFound],
    emits=[DomainRemoved, DomainRefreshRequested],
)
async def remove_domain(
    request: RemoveDomain, applications: Applications, domains: Domains, names: PlatformNames, control: AccessControl, permit: Permit, clock: Clock
) -> Done[DomainView]:
    checked = await control.to_some_environment(permit, request.application_id)
    application = await applications.lock(checked)
    domain = await domains.lock(application.id, request.host)
    checked.require_in(domain.environment)
    events = domain.remove(application, clock.now())
    await domains.delete(domain.id)
    return Done(DomainView.of(domain, names), *events, change=Change(before={"domain": domain.host, "environment": domain.environment}))
