"""Create an environment of an application."""

from datetime import datetime
from uuid import UUID

from functions.deploy.domain.environment import Environment
from functions.deploy.domain.names import EnvironmentName, check_host_name
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNameTaken, HostNameReserved
from functions.deploy.ports import Applications, Environments
from functions.kernel import Caller, Clock, Done, Model, command


class CreateEnvironment(Model):
    application_id: UUID
    name: EnvironmentName


class CreatedEnvironmentView(Model):
    name: EnvironmentName
    created_at: datetime


@command(http="POST /v1/apps/{application_id}/environments", status=201, rejects=[ApplicationNotFound, HostNameReserved, EnvironmentNameTaken])
async def create_environment(
    request: CreateEnvironment, applications: Applications, environments: Environments, caller: Caller, clock: Clock
) -> Done[CreatedEnvironmentView]:
    application = await applications.lock_owned(request.application_id, caller.user_id)

    check_host_name(application.name, request.name, "/name")
    environment = Environment(application.id, request.name, clock.now())
    await environments.add(environment)

    return Done(CreatedEnvironmentView(name=environment.name, created_at=environment.created_at))
