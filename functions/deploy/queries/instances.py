"""List the running instances of an application.

None runs in an environment that has scaled to zero: the next request starts one.
"""

from datetime import datetime
from uuid import UUID

from functions.deploy.domain.environment import Environment
from functions.deploy.domain.instances import Instance, InstanceState
from functions.deploy.domain.names import EnvironmentName, namespace_of, service_of
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound
from functions.deploy.ports import Applications, Cluster, Deployments, Environments
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Model, Page, Permission, Permit, Work, query


class ListInstances(Model):
    application_id: UUID
    environment: EnvironmentName | None = None
    """Default: all environments."""


class InstanceView(Model):
    name: str
    state: InstanceState
    restarts: int
    created_at: datetime
    release: str | None
    last_exit_code: int | None
    """Of the process before this one; null if it never exited."""


class RunningEnvironmentView(Model):
    name: EnvironmentName
    release: int | None
    """The release that serves; null if nothing does."""
    stopped_at: datetime | None
    paused_at: datetime | None
    pause_reason: str | None
    min_scale: int
    max_scale: int
    memory_mib: int
    """The limit of one instance."""
    instances: list[InstanceView]


@query(http="GET /v1/apps/{application_id}/instances", permission=Permission.APP_READ, rejects=[ApplicationNotFound, EnvironmentNotFound])
async def instances(
    request: ListInstances,
    applications: Applications,
    environments: Environments,
    deployments: Deployments,
    cluster: Cluster,
    control: AccessControl,
    permit: Permit,
    work: Work,
) -> Page[RunningEnvironmentView]:
    async with work.reading():
        application = await applications.get(await control.to_application(permit, request.application_id))
        if request.environment is None:
            selected = await environments.list_all(application)
        else:
            selected = [await environments.get(application, request.environment)]
        serving = {each.name: await deployments.find_serving(each) for each in selected}

    items = []
    for each in selected:
        deployment = serving[each.name]
        if deployment is None and request.environment is None:
            continue
        found = await cluster.list_instances(namespace_of(application.name), service_of(application.name, each.name))
        items.append(_view(each, deployment.release if deployment else None, found))
    return Page(items=items)


def _view(environment: Environment, release: int | None, found: list[Instance]) -> RunningEnvironmentView:
    return RunningEnvironmentView(
        name=environment.name,
        release=release,
        stopped_at=environment.stopped_at,
        paused_at=environment.paused_at,
        pause_reason=environment.pause_reason,
        min_scale=environment.size.min_scale,
        max_scale=environment.size.max_scale,
        memory_mib=environment.size.memory_mib,
        instances=[InstanceView.model_validate(each, from_attributes=True) for each in found],
    )
