"""A user gives one environment up: what runs there, its configuration and the memory that it takes. Its releases stay with the application."""

from uuid import UUID

from events.deploy import BuildFailed, DeploymentFailed, EnvironmentDeleted
from functions.deploy.domain.configuration import Change
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.observation import ENVIRONMENT_DESTROYED
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound
from functions.deploy.ports import Applications, Configurations, Deployments, Environments, Quotas
from functions.kernel import Caller, Clock, Delayed, Done, Event, Model, command


class DeleteEnvironment(Model):
    application_id: UUID
    environment: EnvironmentName


class DeletedEnvironment(Model):
    name: EnvironmentName


@command(
    http="DELETE /v1/apps/{application_id}/environments/{environment}",
    status=202,
    rejects=[ApplicationNotFound, EnvironmentNotFound],
    emits=[EnvironmentDeleted, BuildFailed, DeploymentFailed],
)
async def delete_environment(
    asked: DeleteEnvironment,
    applications: Applications,
    environments: Environments,
    configurations: Configurations,
    deployments: Deployments,
    quotas: Quotas,
    caller: Caller,
    clock: Clock,
) -> Done[DeletedEnvironment]:
    application = (await applications.locked(asked.application_id)).owned_by(caller.user_id)
    environment = await environments.get(application, asked.environment)
    now = clock.now()

    ended: list[Event | Delayed] = []
    for deployment in await deployments.running_of(application.id):
        if deployment.environment == environment.name:
            ended.extend(deployment.fail(ENVIRONMENT_DESTROYED, "The environment was deleted while this deployment ran.", now).events)
            await deployments.save(deployment)

    entries = await configurations.at(application.id, application.config_version)
    if own := frozenset(each.name for each in entries if each.scope == environment.name):
        await configurations.change(application.id, environment.name, Change({}, {}, own), application.configured(), now)
        await applications.save(application)
    await quotas.give_memory_back(application.id, environment.name)
    environment.deleted_at = now
    await environments.save(environment)

    deleted = EnvironmentDeleted(
        application_id=application.id, user_id=application.user_id, application=application.name, environment=environment.name, at=now
    )
    return Done(DeletedEnvironment(name=environment.name), *ended, deleted)
