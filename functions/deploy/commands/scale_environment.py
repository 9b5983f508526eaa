"""Change instances, memory and CPU of an environment.

A change creates a deployment of the release that serves there. Omitted fields keep their value. A paused environment gets
the size when it is resumed.
"""

from dataclasses import asdict, replace
from typing import Annotated
from uuid import UUID

from pydantic import Field

from events.deploy import AccountReviewRequested
from events.deployments import DeploymentReleaseStarted, DeploymentRequested
from functions.deploy.domain.deployment import Cause, Deployment, DeploymentTimedOut
from functions.deploy.domain.deployment.views import DeploymentAccepted
from functions.deploy.domain.environment import MAX_OBSERVATION_SECONDS
from functions.deploy.domain.names import EnvironmentName, check_host_name
from functions.deploy.domain.rejections import (
    ApplicationNotFound,
    EnvironmentNotFound,
    HostNameReserved,
    InvalidScale,
)
from functions.deploy.domain.web_scaling import WebMetric
from functions.deploy.ports import Applications, Deployments, Environments, Quotas, Releases
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.deployment_starter import REJECTIONS, DeploymentStarter
from functions.deploy.services.work_admission import review_events
from functions.kernel import Change, Done, Events, Int32, Model, Origin, Permission, Permit, command, differences


class ScaleEnvironment(Model):
    """Omitted fields keep their value."""

    application_id: UUID
    environment: EnvironmentName
    min_scale: Int32 | None = None
    max_scale: Int32 | None = None
    memory_mib: Int32 | None = None
    cpu_millis: Int32 | None = None
    scale_metric: WebMetric | None = None
    """By what the instances scale between the minimum and the maximum; needs `scaleTarget`."""
    scale_target: Int32 | None = None
    """Of one instance: requests in flight, requests per second, or percent of the CPU or memory that it may use."""
    scale_window_seconds: Int32 | None = None
    """Over which the metric is averaged; 0: the installation's default."""
    scale_down_delay_seconds: Int32 | None = None
    """So long fewer must be enough before an instance ends."""
    initial_scale: Int32 | None = None
    """Instances with which a release starts."""
    observation_seconds: Annotated[int, Field(ge=0, le=MAX_OBSERVATION_SECONDS)] | None = None


class ScaleAccepted(Model):
    name: EnvironmentName
    min_scale: int
    max_scale: int
    memory_mib: int
    cpu_millis: int
    scale_metric: WebMetric
    scale_target: int | None
    """None: the installation's default of requests in flight."""
    scale_window_seconds: int | None
    scale_down_delay_seconds: int
    initial_scale: int
    observation_seconds: int | None
    """None: the installation's default."""
    deployment: DeploymentAccepted | None
    """None if nothing serves there, if it is stopped or paused, or if the size has not changed."""
    operation_id: UUID | None
    """Of the deployment."""


@command(
    http="PUT /v1/apps/{application_id}/environments/{environment}/scale",
    permission=Permission.APP_DEPLOY,
    status=202,
    rejects=[ApplicationNotFound, EnvironmentNotFound, HostNameReserved, InvalidScale, *REJECTIONS],
    emits=[AccountReviewRequested, DeploymentRequested, DeploymentReleaseStarted, DeploymentTimedOut],
)
async def scale_environment(
    request: ScaleEnvironment,
    applications: Applications,
    environments: Environments,
    deployments: Deployments,
    releases: Releases,
    quotas: Quotas,
    starter: DeploymentStarter,
    control: AccessControl,
    permit: Permit,
    origin: Origin,
) -> Done[ScaleAccepted]:
    application = await applications.lock(await control.to_environment(permit, request.application_id, request.environment))
    environment = await environments.get(application, request.environment)
    check_host_name(application.name, environment.name)

    old_size = environment.size
    changes = request.model_dump(exclude={"application_id", "environment", "observation_seconds"}, exclude_none=True)
    if request.scale_window_seconds == 0:
        changes["scale_window_seconds"] = None
    size = replace(old_size, **changes)
    has_observation = request.observation_seconds is not None
    environment.resize(size, request.observation_seconds if has_observation else environment.observation_seconds)
    await environments.save(environment)

    deployment: Deployment | None = None
    events: Events = ()
    serving = await deployments.find_serving(environment)
    if serving is not None and serving.release_id is not None and size != old_size and not environment.is_stopped:
        is_larger = size.exceeds(old_size)
        if environment.is_paused:
            await starter.reserve(application, environment, is_growth=is_larger)
        else:
            release = await releases.get(serving.release_id)
            deployment, events = await starter.deploy_release(application, environment, release, Cause.SCALE, origin, is_larger=is_larger)
        events += await review_events(quotas, application.user_id)

    answer = ScaleAccepted(
        name=environment.name,
        min_scale=size.min_scale,
        max_scale=size.max_scale,
        memory_mib=size.memory_mib,
        cpu_millis=size.cpu_millis,
        scale_metric=size.scale_metric,
        scale_target=size.scale_target,
        scale_window_seconds=size.scale_window_seconds,
        scale_down_delay_seconds=size.scale_down_delay_seconds,
        initial_scale=size.initial_scale,
        observation_seconds=environment.observation_seconds,
        deployment=DeploymentAccepted.of(deployment) if deployment else None,
        operation_id=deployment.id if deployment else None,
    )
    return Done(answer, *events, change=Change(*differences(asdict(old_size), asdict(size))))
