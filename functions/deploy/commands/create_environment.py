"""A user makes another environment of an application, beside staging and production."""

from datetime import datetime
from uuid import UUID

from functions.deploy.domain.environment import Environment
from functions.deploy.domain.names import EnvironmentName, demand_own_host
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNameTaken, HostNameReserved
from functions.deploy.ports import Applications, Environments
from functions.kernel import Caller, Clock, Done, Model, command


class CreateEnvironment(Model):
    application_id: UUID
    name: EnvironmentName


class CreatedEnvironment(Model):
    name: EnvironmentName
    created_at: datetime


@command(http="POST /v1/apps/{application_id}/environments", status=201, rejects=[ApplicationNotFound, HostNameReserved, EnvironmentNameTaken])
async def create_environment(
    asked: CreateEnvironment, applications: Applications, environments: Environments, caller: Caller, clock: Clock
) -> Done[CreatedEnvironment]:
    application = (await applications.locked(asked.application_id)).owned_by(caller.user_id)

    demand_own_host(application.name, asked.name, "/name")
    environment = Environment(application.id, asked.name, clock.now())
    await environments.add(environment)

    return Done(CreatedEnvironment(name=environment.name, created_at=environment.created_at))
