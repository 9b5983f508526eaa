"""Verify the DNS records of a domain now.

Returns 202 with what was known before: read the domain until `checkedAt` has changed.
"""

from uuid import UUID

from events.domains import DomainCheckRequested
from functions.deploy.domain.domain_rejections import DomainNotFound
from functions.deploy.domain.domain_views import DomainView
from functions.deploy.domain.domains import Host, PlatformNames
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Domains
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Clock, Done, Model, Permission, Permit, command


class CheckDomain(Model):
    application_id: UUID
    host: Host


@command(
    http="POST /v1/apps/{application_id}/domains/{host}/checks",
    permission=Permission.APP_CONFIGURE,
    status=202,
    rejects=[ApplicationNotFound, DomainNotFound],
    emits=[DomainCheckRequested],
    without_operation="the domain itself has the outcome: `checkedAt`, `state` and `problem`",
)
async def check_domain(
    request: CheckDomain, applications: Applications, domains: Domains, names: PlatformNames, control: AccessControl, permit: Permit, clock: Clock
) -> Done[DomainView]:
    checked = await control.to_some_environment(permit, request.application_id)
    application = await applications.lock(checked)
    domain = await domains.lock(application.id, request.host)
    checked.require_in(domain.environment)
    events = domain.request_check(clock.now())
    await domains.save(domain)
    return Done(DomainView.of(domain, names), *events)
