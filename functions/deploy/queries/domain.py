"""Show a domain with its DNS records and its certificate."""

from uuid import UUID

from functions.deploy.domain.domain_rejections import DomainNotFound
from functions.deploy.domain.domain_views import DomainView
from functions.deploy.domain.domains import Host, PlatformNames
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Domains
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Model, Permission, Permit, query


class GetDomain(Model):
    application_id: UUID
    host: Host


@query(http="GET /v1/apps/{application_id}/domains/{host}", permission=Permission.APP_READ, rejects=[ApplicationNotFound, DomainNotFound])
async def domain(
    request: GetDomain, applications: Applications, domains: Domains, names: PlatformNames, control: AccessControl, permit: Permit
) -> DomainView:
    application = await applications.get(await control.to_application(permit, request.application_id))
    return DomainView.of(await domains.get(application.id, request.host), names)
