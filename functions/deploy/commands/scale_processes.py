"""Change instances and size of process types.

For workers and every other type of the Procfile beside `web`. Takes effect at once, without a deployment; omitted types and
fields keep their value. Instances that end get SIGTERM, and SIGKILL after `stopSeconds`.
"""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from pydantic import Field

from events.deploy import AccountReviewRequested
from events.workloads import WorkloadRefreshRequested
from functions.deploy.domain.autoscaling_views import AutoscalingRequest
from functions.deploy.domain.configuration import merge
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.operation import Operation, OperationKind
from functions.deploy.domain.process_views import ProcessSizeView
from functions.deploy.domain.processes import MAX_PROCESS_TYPES, ProcessSize
from functions.deploy.domain.queue_servers import check_queue_servers
from functions.deploy.domain.rejections import (
    ApplicationNotFound,
    EnvironmentIsStopped,
    EnvironmentNotFound,
    MemoryQuotaExceeded,
    NothingReleased,
    OverQuota,
    SubscriptionSuspended,
    UsageExhausted,
)
from functions.deploy.domain.workload_rejections import InvalidAutoscaling, InvalidProcesses, UnknownProcess
from functions.deploy.ports import Applications, Configurations, Deployments, Environments, Operations, ProcessScalings, Quotas, Releases
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.deployment_starter import DeploymentStarter
from functions.deploy.services.work_admission import review_events
from functions.kernel import Change, Clock, Done, FieldError, Int32, Model, Permission, Permit, Text, command, differences


class ProcessChange(Model):
    """Omitted fields keep their value. `instances` fixes the number; `autoscaling` lets metrics decide it, within a range."""

    instances: Int32 | None = None
    autoscaling: AutoscalingRequest | None = None
    memory_mib: Int32 | None = None
    cpu_millis: Int32 | None = None
    stop_seconds: Int32 | None = None

    def apply_to(self, size: ProcessSize) -> ProcessSize:
        """Raises InvalidProcesses, InvalidAutoscaling."""
        if self.instances is not None and self.autoscaling is not None:
            raise InvalidAutoscaling.of([FieldError("/autoscaling", "give a number of instances or autoscaling, not both")])
        changes = self.model_dump(exclude_none=True, exclude={"autoscaling"})
        if self.instances is not None:
            changes["autoscaling"] = None
        elif self.autoscaling is not None:
            autoscaling = self.autoscaling.to_autoscaling()
            changes |= {"autoscaling": autoscaling, "instances": autoscaling.clamp(size.instances)}
        return replace(size, **changes)


class ScaleProcesses(Model):
    application_id: UUID
    environment: EnvironmentName
    processes: Annotated[dict[Text, ProcessChange], Field(min_length=1, max_length=MAX_PROCESS_TYPES, examples=[{"worker": {"instances": 2}}])]
    """By process type."""


class ProcessScaleAccepted(Model):
    environment: EnvironmentName
    processes: list[ProcessSizeView]
    operation_id: UUID


@command(
    http="PUT /v1/apps/{application_id}/environments/{environment}/processes",
    permission=Permission.APP_DEPLOY,
    status=202,
    rejects=[
        *(ApplicationNotFound, EnvironmentNotFound, NothingReleased, UnknownProcess, InvalidProcesses, InvalidAutoscaling, EnvironmentIsStopped),
        *(MemoryQuotaExceeded, OverQuota, UsageExhausted, SubscriptionSuspended),
    ],
    emits=[AccountReviewRequested, WorkloadRefreshRequested],
)
async def scale_processes(
    request: ScaleProcesses,
    applications: Applications,
    environments: Environments,
    deployments: Deployments,
    releases: Releases,
    operations: Operations,
    configurations: Configurations,
    quotas: Quotas,
    scalings: ProcessScalings,
    starter: DeploymentStarter,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[ProcessScaleAccepted]:
    application = await applications.lock(await control.to_environment(permit, request.application_id, request.environment))
    environment = await environments.get(application, request.environment)
    serving = await deployments.find_serving(environment)
    if serving is None or serving.release_id is None:
        raise NothingReleased.of(application.name, environment.name)
    release, before, memory_before = await releases.get(serving.release_id), environment.processes, environment.max_memory_mib
    for name in request.processes:
        if name not in release.processes and name not in before.by_name:
            raise UnknownProcess.of(name, sorted(release.processes))

    changes = {name: each.apply_to(before.of(name)) for name, each in request.processes.items()}
    check_queue_servers(changes, merge(await configurations.at(application.id, application.config_version), environment.name), environment.name)
    environment.processes = before.with_changes(changes)
    await starter.reserve(application, environment, is_growth=environment.max_memory_mib > memory_before)
    await environments.save(environment)
    await scalings.forget(application.id, environment.name, changes)
    now = clock.now()
    operation = Operation.start(OperationKind.PROCESS_SCALE, application, environment.name, now)
    await operations.add(operation)
    events = (environment.refresh_event(application, now, OperationKind.PROCESS_SCALE), *await review_events(quotas, application.user_id))

    views = [ProcessSizeView.of(name, environment.processes.of(name), environment.size) for name in sorted(changes)]
    accepted = ProcessScaleAccepted(environment=environment.name, processes=views, operation_id=operation.id)
    old, new = [{name: sizes.of(name).as_json() for name in changes} for sizes in (before, environment.processes)]
    return Done(accepted, *events, change=Change(*differences(old, new)))
