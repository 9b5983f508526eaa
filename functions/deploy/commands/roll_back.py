"""A user goes back to a release that is kept: the one before what serves, or any. It is not observed, since what it takes the place of is worse."""

from uuid import UUID

from events.deploy import DeploymentReleaseStarted, DeploymentRequested
from functions.deploy.domain.application import Quota
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.environment import Patience
from functions.deploy.domain.facts import begun
from functions.deploy.domain.names import EnvironmentName, demand_own_host
from functions.deploy.domain.rejections import (
    ApplicationNotFound,
    DeploymentInProgress,
    EnvironmentNotFound,
    HostNameReserved,
    MemoryQuotaExceeded,
    NoEarlierRelease,
    NothingReleased,
    ReleaseNotFound,
)
from functions.deploy.domain.requested import RequestedDeployment
from functions.deploy.domain.status import Cause
from functions.deploy.domain.timeouts import DeploymentTimedOut
from functions.deploy.ports import Applications, Deployments, Environments, Quotas, Releases
from functions.kernel import Caller, Clock, Done, Model, Origin, command


class RollBack(Model):
    application_id: UUID
    environment: EnvironmentName
    release: int | None = None
    """Without it, the last that served here before the one that serves."""


@command(
    http="POST /v1/apps/{application_id}/environments/{environment}/rollbacks",
    status=202,
    rejects=[
        *(ApplicationNotFound, EnvironmentNotFound, HostNameReserved, ReleaseNotFound),
        *(NothingReleased, NoEarlierRelease, MemoryQuotaExceeded, DeploymentInProgress),
    ],
    emits=[DeploymentRequested, DeploymentReleaseStarted, DeploymentTimedOut],
)
async def roll_back(
    asked: RollBack,
    applications: Applications,
    environments: Environments,
    deployments: Deployments,
    releases: Releases,
    quotas: Quotas,
    patience: Patience,
    caller: Caller,
    origin: Origin,
    clock: Clock,
) -> Done[RequestedDeployment]:
    application = (await applications.locked(asked.application_id)).owned_by(caller.user_id)
    environment = await environments.get(application, asked.environment)
    demand_own_host(application.name, asked.environment)
    now = clock.now()

    serving = await deployments.last_good(environment)
    if serving is None or serving.release is None:
        raise NothingReleased(f"Nothing is released in {environment.name} yet.")
    number = asked.release
    if number is None:
        before = await deployments.last_good_before(environment, serving.release)
        if before is None or before.release is None:
            raise NoEarlierRelease(f"r{serving.release} is the first that was released in {environment.name}.")
        number = before.release
    release = await releases.numbered(application.id, number)

    await quotas.take_memory(application, environment.name, environment.size.most_memory_mib, otherwise=Quota.default(caller.user_id, now))
    terms = environment.terms(patience, application)
    deployment = Deployment.again(
        application, environment.name, Cause.ROLLBACK, release, terms, serving, correlation_id=origin.correlation_id, at=now
    )
    await deployments.add(deployment)

    return Done(RequestedDeployment.of(deployment), *begun(deployment))
