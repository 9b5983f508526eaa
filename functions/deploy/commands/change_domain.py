"""Change the redirect to HTTPS and HSTS of a domain.

Omitted fields keep their value; null turns HSTS off. Browsers remember HSTS for its duration.
"""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from events.domains import DomainRefreshRequested
from functions.deploy.domain.domain_rejections import DomainNotFound
from functions.deploy.domain.domain_views import DomainView
from functions.deploy.domain.domains import MAX_HSTS_SECONDS, Host, PlatformNames
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Domains
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Change, Done, Model, Permission, Permit, command, differences


class ChangeDomain(Model):
    application_id: UUID
    host: Host
    redirects: bool | None = None
    hsts_seconds: Annotated[int, Field(ge=0, le=MAX_HSTS_SECONDS, examples=[31536000])] | None = None
    """`max-age` of Strict-Transport-Security (RFC 6797): 0 tells browsers to forget it."""


@command(
    http="PATCH /v1/apps/{application_id}/domains/{host}",
    permission=Permission.APP_CONFIGURE,
    rejects=[ApplicationNotFound, DomainNotFound],
    emits=[DomainRefreshRequested],
)
async def change_domain(
    request: ChangeDomain, applications: Applications, domains: Domains, names: PlatformNames, control: AccessControl, permit: Permit
) -> Done[DomainView]:
    checked = await control.to_some_environment(permit, request.application_id)
    application = await applications.lock(checked)
    domain = await domains.lock(application.id, request.host)
    checked.require_in(domain.environment)
    before = {"redirects": domain.redirects, "hstsSeconds": domain.hsts_seconds}
    if request.redirects is not None:
        domain.redirects = request.redirects
    if "hsts_seconds" in request.model_fields_set:
        domain.hsts_seconds = request.hsts_seconds
    after = {"redirects": domain.redirects, "hstsSeconds": domain.hsts_seconds}
    if before == after:
        return Done(DomainView.of(domain, names))
    await domains.save(domain)
    return Done(DomainView.of(domain, names), domain.refresh_event(application), change=Change(*differences(before, after)))
