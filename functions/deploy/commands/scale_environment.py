"""A user says at which size an application runs in one environment; what serves there is released again at that size."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from pydantic import Field

from events.deploy import DeploymentReleaseStarted, DeploymentRequested
from functions.deploy.domain.application import Quota
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.environment import LONGEST_OBSERVATION, Patience
from functions.deploy.domain.facts import begun
from functions.deploy.domain.names import EnvironmentName, demand_own_host
from functions.deploy.domain.rejections import (
    ApplicationNotFound,
    DeploymentInProgress,
    EnvironmentNotFound,
    HostNameReserved,
    InvalidScale,
    MemoryQuotaExceeded,
)
from functions.deploy.domain.requested import RequestedDeployment
from functions.deploy.domain.status import Cause
from functions.deploy.domain.timeouts import DeploymentTimedOut
from functions.deploy.ports import Applications, Deployments, Environments, Quotas, Releases
from functions.kernel import Caller, Clock, Done, Model, Origin, command


class ScaleEnvironment(Model):
    """What is left out stays as it is."""

    application_id: UUID
    environment: EnvironmentName
    min_scale: int | None = None
    max_scale: int | None = None
    memory_mib: int | None = None
    cpu_millis: int | None = None
    observation_seconds: Annotated[int, Field(ge=0, le=LONGEST_OBSERVATION)] | None = None


class ScaledEnvironment(Model):
    name: EnvironmentName
    min_scale: int
    max_scale: int
    memory_mib: int
    cpu_millis: int
    observation_seconds: int | None
    deployment: RequestedDeployment | None
    """None where nothing is released yet."""


@command(
    http="PUT /v1/apps/{application_id}/environments/{environment}/scale",
    status=202,
    rejects=[ApplicationNotFound, EnvironmentNotFound, HostNameReserved, InvalidScale, MemoryQuotaExceeded, DeploymentInProgress],
    emits=[DeploymentRequested, DeploymentReleaseStarted, DeploymentTimedOut],
)
async def scale_environment(
    asked: ScaleEnvironment,
    applications: Applications,
    environments: Environments,
    deployments: Deployments,
    releases: Releases,
    quotas: Quotas,
    patience: Patience,
    caller: Caller,
    origin: Origin,
    clock: Clock,
) -> Done[ScaledEnvironment]:
    application = (await applications.locked(asked.application_id)).owned_by(caller.user_id)
    environment = await environments.get(application, asked.environment)
    demand_own_host(application.name, asked.environment)
    before, now = environment.size, clock.now()

    size = replace(before, **asked.model_dump(include={"min_scale", "max_scale", "memory_mib", "cpu_millis"}, exclude_none=True))
    environment.resize(size, asked.observation_seconds if asked.observation_seconds is not None else environment.observation_seconds)
    await environments.save(environment)

    deployment: Deployment | None = None
    serving = await deployments.last_good(environment)
    if serving is not None and serving.release_id is not None and size != before:
        await quotas.take_memory(application, environment.name, size.most_memory_mib, otherwise=Quota.default(caller.user_id, now))
        deployment = Deployment.again(
            application,
            environment.name,
            Cause.SCALE,
            await releases.get(serving.release_id),
            environment.terms(patience, application),
            serving,
            correlation_id=origin.correlation_id,
            at=now,
        )
        await deployments.add(deployment)

    answer = ScaledEnvironment(
        name=environment.name,
        min_scale=size.min_scale,
        max_scale=size.max_scale,
        memory_mib=size.memory_mib,
        cpu_millis=size.cpu_millis,
        observation_seconds=environment.observation_seconds,
        deployment=RequestedDeployment.of(deployment) if deployment else None,
    )
    return Done(answer, *(begun(deployment) if deployment else ()))
