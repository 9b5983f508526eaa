"""A user gives an application up: its name, its releases and all that runs of it."""

from uuid import UUID

from events.deploy import ApplicationDeleted, BuildFailed, DeploymentFailed
from functions.deploy.domain.observation import APPLICATION_DESTROYED
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Deployments, Quotas
from functions.kernel import Caller, Clock, Delayed, Done, Event, Model, command


class DeleteApplication(Model):
    application_id: UUID


class Deleting(Model):
    id: UUID
    status: str


@command(
    http="DELETE /v1/apps/{application_id}",
    status=202,
    rejects=[ApplicationNotFound],
    emits=[ApplicationDeleted, BuildFailed, DeploymentFailed],
)
async def delete_application(
    asked: DeleteApplication, applications: Applications, deployments: Deployments, quotas: Quotas, caller: Caller, clock: Clock
) -> Done[Deleting]:
    application = (await applications.locked(asked.application_id)).owned_by(caller.user_id)
    now = clock.now()

    ended: list[Event | Delayed] = []
    for deployment in await deployments.running_of(application.id):
        ended.extend(deployment.fail(APPLICATION_DESTROYED, "The application was deleted while this deployment ran.", now).events)
        await deployments.save(deployment)

    application.delete(now)
    await applications.save(application)
    await quotas.give_back(application.user_id)
    await quotas.give_memory_back(application.id)

    deleted = ApplicationDeleted(application_id=application.id, user_id=application.user_id, name=application.name, at=now)
    return Done(Deleting(id=application.id, status=application.status), *ended, deleted)
