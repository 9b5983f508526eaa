"""Delete an environment of an application.

Deletes what runs there, its configuration and its memory reservation. Its releases and volumes stay with the application.
"""

from uuid import UUID

from events.deploy import AccountReviewRequested, EnvironmentDeleted
from events.deployments import BuildFailed, DeploymentFailed
from events.domains import DomainRefreshRequested, DomainRemoved
from events.volumes import VolumeDetached
from functions.deploy.domain.configuration import Change
from functions.deploy.domain.environment import DEFAULT_ENVIRONMENTS
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.observation import ENVIRONMENT_DELETED
from functions.deploy.domain.operation import Operation, OperationKind
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound
from functions.deploy.ports import Applications, Configurations, Deployments, Domains, Environments, Operations, Quotas, Volumes
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.work_admission import review_events
from functions.kernel import Clock, Done, Model, OutgoingMessage, Permission, Permit, command


class DeleteEnvironment(Model):
    application_id: UUID
    environment: EnvironmentName


class EnvironmentDeletionAccepted(Model):
    name: EnvironmentName
    operation_id: UUID
    warning: str | None
    """What follows from deleting staging or production, which every application has by default."""


@command(
    http="DELETE /v1/apps/{application_id}/environments/{environment}",
    permission=Permission.APP_CONFIGURE,
    status=202,
    rejects=[ApplicationNotFound, EnvironmentNotFound],
    emits=[AccountReviewRequested, EnvironmentDeleted, BuildFailed, DeploymentFailed, DomainRefreshRequested, DomainRemoved, VolumeDetached],
)
async def delete_environment(
    request: DeleteEnvironment,
    applications: Applications,
    environments: Environments,
    configurations: Configurations,
    deployments: Deployments,
    domains: Domains,
    quotas: Quotas,
    volumes: Volumes,
    operations: Operations,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[EnvironmentDeletionAccepted]:
    application = await applications.lock(await control.to_environment(permit, request.application_id, request.environment))
    environment = await environments.get(application, request.environment)
    now = clock.now()

    events: list[OutgoingMessage] = []
    for deployment in await deployments.lock_running(application.id):
        if deployment.environment == environment.name:
            events.extend(deployment.fail(ENVIRONMENT_DELETED, "The environment was deleted during this deployment.", now))
            await deployments.save(deployment)

    entries = await configurations.at(application.id, application.config_version)
    if names := frozenset(each.name for each in entries if each.scope == environment.name):
        await configurations.change(application.id, environment.name, Change({}, {}, names), application.next_config_version(), now)
        await applications.save(application)
    for domain in await domains.list_of(application.id, environment.name):
        events.extend(domain.remove(application, now))
        await domains.delete(domain.id)
    await quotas.release_memory(application.id, environment.name)
    for volume in [each for each in await volumes.list_of(application.id) if each.environment == environment.name]:
        events.extend(volume.detach(application.user_id, now))
        await volumes.save(volume)
    events.extend(environment.delete(application, now))
    await environments.save(environment)
    operation = Operation.start(OperationKind.ENVIRONMENT_DELETION, application, environment.name, now)
    await operations.add(operation)

    events.extend(await review_events(quotas, application.user_id))
    warning = _warning(application.name, environment.name)
    return Done(EnvironmentDeletionAccepted(name=environment.name, operation_id=operation.id, warning=warning), *events)


def _warning(application: str, environment: str) -> str | None:
    if environment not in DEFAULT_ENVIRONMENTS:
        return None
    return (
        f"{environment} is a default environment. Deployments to it are rejected until you create it again: "
        f"capsule environments create {environment} --app {application}"
    )
