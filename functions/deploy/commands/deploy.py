"""A user deploys an application: what becomes of it is told by the deployment's row."""

from uuid import UUID

from events.deploy import DeploymentRequested
from functions.deploy.domain.application import Quota
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.environment import Patience
from functions.deploy.domain.facts import begun
from functions.deploy.domain.names import EnvironmentName, Ref, demand_own_host
from functions.deploy.domain.rejections import (
    ApplicationNotFound,
    DeploymentInProgress,
    EnvironmentNotFound,
    HostNameReserved,
    InvalidRef,
    MemoryQuotaExceeded,
)
from functions.deploy.domain.requested import RequestedDeployment
from functions.deploy.domain.timeouts import DeploymentTimedOut
from functions.deploy.ports import Applications, Deployments, Environments, Quotas
from functions.kernel import Caller, Clock, Done, Model, Origin, command


class Deploy(Model):
    application_id: UUID
    environment: EnvironmentName
    ref: str | None = None
    """A branch, a tag or a commit; without it, the repository's default branch."""


@command(
    http="POST /v1/apps/{application_id}/deployments",
    status=202,
    rejects=[ApplicationNotFound, EnvironmentNotFound, HostNameReserved, InvalidRef, MemoryQuotaExceeded, DeploymentInProgress],
    emits=[DeploymentRequested, DeploymentTimedOut],
)
async def deploy(
    asked: Deploy,
    applications: Applications,
    environments: Environments,
    deployments: Deployments,
    quotas: Quotas,
    patience: Patience,
    caller: Caller,
    origin: Origin,
    clock: Clock,
) -> Done[RequestedDeployment]:
    ref = Ref(asked.ref) if asked.ref is not None else None
    application = (await applications.locked(asked.application_id)).owned_by(caller.user_id)
    environment = await environments.get(application, asked.environment)
    demand_own_host(application.name, asked.environment)
    now = clock.now()

    await quotas.take_memory(application, environment.name, environment.size.most_memory_mib, otherwise=Quota.default(caller.user_id, now))
    deployment = Deployment.request(
        application,
        environment.name,
        ref,
        environment.terms(patience, application),
        await deployments.last_good(environment),
        correlation_id=origin.correlation_id,
        at=now,
    )
    await deployments.add(deployment)

    return Done(RequestedDeployment.of(deployment), *begun(deployment))
