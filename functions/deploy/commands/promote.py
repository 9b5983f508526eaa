"""A user promotes what runs in one environment to another: the same image, and nothing is built. It is the same release, unless the configuration
of the environment that it goes to has changed since it was made: then it is a new release of the same image."""

from uuid import UUID

from pydantic import Field

from events.deploy import DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentRequested
from functions.deploy.domain.application import Quota
from functions.deploy.domain.configuration import merged
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
    NothingReleased,
    ReleaseNotFound,
)
from functions.deploy.domain.requested import RequestedDeployment
from functions.deploy.domain.status import Cause
from functions.deploy.domain.timeouts import DeploymentTimedOut
from functions.deploy.ports import Applications, Configurations, Deployments, Environments, Quotas, Releases
from functions.kernel import Caller, Clock, Done, Model, Origin, command


class Promote(Model):
    application_id: UUID
    from_: EnvironmentName = Field(alias="from")
    to: EnvironmentName
    release: int | None = None
    """Without it, what serves in `from`."""


@command(
    http="POST /v1/apps/{application_id}/promotions",
    status=202,
    rejects=[ApplicationNotFound, EnvironmentNotFound, HostNameReserved, ReleaseNotFound, NothingReleased, MemoryQuotaExceeded, DeploymentInProgress],
    emits=[DeploymentRequested, DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentTimedOut],
)
async def promote(
    asked: Promote,
    applications: Applications,
    environments: Environments,
    configurations: Configurations,
    deployments: Deployments,
    releases: Releases,
    quotas: Quotas,
    patience: Patience,
    caller: Caller,
    origin: Origin,
    clock: Clock,
) -> Done[RequestedDeployment]:
    application = (await applications.locked(asked.application_id)).owned_by(caller.user_id)
    source = await environments.get(application, asked.from_)
    target = await environments.get(application, asked.to)
    demand_own_host(application.name, asked.to, "/to")
    now = clock.now()

    number = asked.release
    if number is None:
        good = await deployments.last_good(source)
        if good is None or good.release is None:
            raise NothingReleased(f"Nothing is released in {source.name} yet.")
        number = good.release
    release = await releases.numbered(application.id, number)

    made_with, newest = [await configurations.at(application.id, each) for each in (release.config_version, application.config_version)]
    if merged(made_with, target.name) != merged(newest, target.name):
        release = await releases.add(release.configured(application.config_version, now))

    await quotas.take_memory(application, target.name, target.size.most_memory_mib, otherwise=Quota.default(caller.user_id, now))
    deployment = Deployment.again(
        application,
        target.name,
        Cause.PROMOTION,
        release,
        target.terms(patience, application),
        await deployments.last_good(target),
        correlation_id=origin.correlation_id,
        at=now,
    )
    await deployments.add(deployment)

    return Done(RequestedDeployment.of(deployment), *begun(deployment))
