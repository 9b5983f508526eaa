"""Create an environment of an application."""

from datetime import datetime
from uuid import UUID

from events.deploy import EnvironmentCreated
from functions.deploy.domain.environment import Environment
from functions.deploy.domain.names import EnvironmentName, check_host_name
from functions.deploy.domain.rejections import (
    ApplicationNotFound,
    EnvironmentNameTaken,
    HostNameReserved,
    OverQuota,
    SubscriptionSuspended,
    UsageExhausted,
)
from functions.deploy.ports import Applications, Environments, Quotas
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.work_admission import admit_work
from functions.kernel import Clock, Done, Model, Permission, Permit, command


class CreateEnvironment(Model):
    application_id: UUID
    name: EnvironmentName


class CreatedEnvironmentView(Model):
    name: EnvironmentName
    created_at: datetime


@command(
    http="POST /v1/apps/{application_id}/environments",
    permission=Permission.APP_CONFIGURE,
    status=201,
    rejects=[ApplicationNotFound, HostNameReserved, EnvironmentNameTaken, OverQuota, SubscriptionSuspended, UsageExhausted],
    emits=[EnvironmentCreated],
)
async def create_environment(
    request: CreateEnvironment,
    applications: Applications,
    environments: Environments,
    quotas: Quotas,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[CreatedEnvironmentView]:
    application = await applications.lock(await control.to_environment(permit, request.application_id, request.name))

    check_host_name(application.name, request.name, "/name")
    await admit_work(quotas, application.user_id)
    environment = Environment(application.id, request.name, clock.now())
    await environments.add(environment)

    created = EnvironmentCreated(
        application_id=application.id,
        user_id=application.user_id,
        application=application.name,
        environment=environment.name,
        at=environment.created_at,
    )
    return Done(CreatedEnvironmentView(name=environment.name, created_at=environment.created_at), created)
