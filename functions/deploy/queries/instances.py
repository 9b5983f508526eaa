"""List the running instances of an application.

No instance of `web` runs in an environment that has scaled to zero: the next request starts one. Of the other process types
as many run as they are scaled to.
"""

from datetime import datetime
from uuid import UUID

from functions.deploy.domain.autoscaling_readings import AutoscalerReading
from functions.deploy.domain.environment import Environment
from functions.deploy.domain.instances import Instance, InstanceState
from functions.deploy.domain.names import EnvironmentName, namespace_of, service_of
from functions.deploy.domain.process_scaling import ProcessScaling
from functions.deploy.domain.process_views import ProcessSizeView
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound
from functions.deploy.domain.web_scaling import WebMetric
from functions.deploy.domain.workloads import Workloads
from functions.deploy.ports import Applications, Cluster, Deployments, Environments, ProcessScalings, Releases
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
    last_output: str | None
    """The end of the output of the process before this one."""


class ProcessView(ProcessSizeView):
    """A process type beside `web`. `command`: null if the release that serves does not name it."""

    command: str | None
    running: list[InstanceView]


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
    cpu_millis: int
    """Of one instance of `web`."""
    scale_metric: WebMetric
    scale_target: int | None
    """Of one instance of `web`; null: the installation's default of requests in flight."""
    scale_window_seconds: int | None
    scale_down_delay_seconds: int
    initial_scale: int
    instances: list[InstanceView]
    """Of `web`."""
    processes: list[ProcessView]


@query(http="GET /v1/apps/{application_id}/instances", permission=Permission.APP_READ, rejects=[ApplicationNotFound, EnvironmentNotFound])
async def instances(
    request: ListInstances,
    applications: Applications,
    environments: Environments,
    deployments: Deployments,
    releases: Releases,
    scalings: ProcessScalings,
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
        scaled = await scalings.list_all(application.id)
        serving = {each.name: await deployments.find_serving(each) for each in selected}
        served = {name: await releases.get(each.release_id) for name, each in serving.items() if each is not None and each.release_id is not None}

    items = []
    for each in selected:
        deployment = serving[each.name]
        if deployment is None and request.environment is None:
            continue
        found = await cluster.list_instances(namespace_of(application.name), service_of(application.name, each.name))
        commands = served[each.name].processes if each.name in served else {}
        has_processes = bool(commands or each.processes.by_name)
        workers = await cluster.list_processes(Workloads.of(application, each.name)) if has_processes else []
        is_autoscaled = any(own.autoscaling for own in each.processes.by_name.values())
        readings = await cluster.list_autoscalers(Workloads.of(application, each.name)) if is_autoscaled else []
        last = {scaling.process: scaling for scaling in scaled if scaling.environment == each.name}
        autoscalers = {reading.process: reading for reading in readings}
        processes = [
            _process(each, name, commands.get(name), workers, autoscalers.get(name), last.get(name))
            for name in sorted({*commands, *each.processes.by_name})
        ]
        items.append(_view(each, deployment.release if deployment else None, found, processes))
    return Page(items=items)


def _process(
    environment: Environment,
    name: str,
    command: str | None,
    running: list[Instance],
    autoscaler: AutoscalerReading | None,
    scaling: ProcessScaling | None,
) -> ProcessView:
    size = ProcessSizeView.of(name, environment.processes.of(name), environment.size, autoscaler, scaling)
    instances = [InstanceView.model_validate(each, from_attributes=True) for each in running if each.process == name]
    return ProcessView(**size.model_dump(), command=command, running=instances)


def _view(environment: Environment, release: int | None, found: list[Instance], processes: list[ProcessView]) -> RunningEnvironmentView:
    return RunningEnvironmentView(
        name=environment.name,
        release=release,
        stopped_at=environment.stopped_at,
        paused_at=environment.paused_at,
        pause_reason=environment.pause_reason,
        min_scale=environment.size.min_scale,
        max_scale=environment.size.max_scale,
        memory_mib=environment.size.memory_mib,
        cpu_millis=environment.size.cpu_millis,
        scale_metric=environment.size.scale_metric,
        scale_target=environment.size.scale_target,
        scale_window_seconds=environment.size.scale_window_seconds,
        scale_down_delay_seconds=environment.size.scale_down_delay_seconds,
        initial_scale=environment.size.initial_scale,
        instances=[InstanceView.model_validate(each, from_attributes=True) for each in found],
        processes=processes,
    )
