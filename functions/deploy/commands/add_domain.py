"""Add a domain to an environment.

It is served once its ownership is proven by a DNS record, which the answer names, and checked at once and then by itself. A domain belongs
to one environment of the installation: the first that proves it.
"""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from events.domains import DomainAdded, DomainCheckRequested
from functions.deploy.domain.domain_rejections import DomainReserved, DomainTaken, InvalidDomain, TooManyDomains
from functions.deploy.domain.domain_views import DomainView
from functions.deploy.domain.domains import MAX_DOMAINS, Domain, PlatformNames
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound, NothingReleased, SubscriptionSuspended
from functions.deploy.ports import Applications, Deployments, Domains, Environments, Quotas
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, Text, command


class AddDomain(Model):
    application_id: UUID
    environment: EnvironmentName
    host: Annotated[Text, Field(max_length=300, examples=["shop.example.com"])]


@command(
    http="POST /v1/apps/{application_id}/environments/{environment}/domains",
    permission=Permission.APP_CONFIGURE,
    status=201,
    rejects=[
        *(ApplicationNotFound, EnvironmentNotFound, NothingReleased, SubscriptionSuspended),
        *(InvalidDomain, DomainReserved, DomainTaken, TooManyDomains),
    ],
    emits=[DomainAdded, DomainCheckRequested],
)
async def add_domain(
    request: AddDomain,
    applications: Applications,
    environments: Environments,
    deployments: Deployments,
    domains: Domains,
    quotas: Quotas,
    names: PlatformNames,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[DomainView]:
    application = await applications.lock(await control.to_environment(permit, request.application_id, request.environment))
    environment = await environments.get(application, request.environment)
    if await deployments.find_serving(environment) is None:
        raise NothingReleased.of(application.name, environment.name)
    if quota := await quotas.lock(application.user_id):  # one after the other, so that the count is right
        quota.check_work(is_growth=False)
    if await domains.count_of_account(application.user_id) >= MAX_DOMAINS:
        raise TooManyDomains.of(MAX_DOMAINS)

    domain, events = Domain.add(application, environment, request.host, names, clock.now())
    await domains.add(domain)
    return Done(DomainView.of(domain, names), *events, change=Change(after={"domain": domain.host, "environment": domain.environment}))
