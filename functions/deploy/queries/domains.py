"""List the domains of an application."""

from uuid import UUID

from functions.deploy.domain.domain_views import DomainView
from functions.deploy.domain.domains import PlatformNames
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound
from functions.deploy.ports import Applications, Domains, Environments
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Model, Page, Permission, Permit, query


class ListDomains(Model):
    application_id: UUID
    environment: EnvironmentName | None = None
    """Default: all environments."""


@query(http="GET /v1/apps/{application_id}/domains", permission=Permission.APP_READ, rejects=[ApplicationNotFound, EnvironmentNotFound])
async def domains(
    request: ListDomains,
    applications: Applications,
    environments: Environments,
    domains: Domains,
    names: PlatformNames,
    control: AccessControl,
    permit: Permit,
) -> Page[DomainView]:
    application = await applications.get(await control.to_application(permit, request.application_id))
    if request.environment is not None:
        await environments.get(application, request.environment)
    return Page(items=[DomainView.of(each, names) for each in await domains.list_of(application.id, request.environment)])
