"""A user sets variables and secrets of one environment, many at once: another version of the configuration and, where something serves, another
release of it. Nothing is built."""

from events.deploy import DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentRequested
from functions.deploy.domain.configuring import Configured, Configuring, released_again
from functions.deploy.domain.environment import Patience
from functions.deploy.domain.facts import begun
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound, DeploymentInProgress, EnvironmentNotFound, HostNameReserved, InvalidConfiguration
from functions.deploy.domain.timeouts import DeploymentTimedOut
from functions.deploy.ports import Applications, Configurations, Deployments, Environments, Releases, Vault
from functions.kernel import Caller, Clock, Done, Origin, command


class ConfigureEnvironment(Configuring):
    environment: EnvironmentName


class ConfiguredEnvironment(Configured):
    pass


@command(
    http="PATCH /v1/apps/{application_id}/environments/{environment}/config",
    status=202,
    rejects=[ApplicationNotFound, EnvironmentNotFound, InvalidConfiguration, DeploymentInProgress, HostNameReserved],
    emits=[DeploymentRequested, DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentTimedOut],
)
async def configure_environment(
    asked: ConfigureEnvironment,
    applications: Applications,
    environments: Environments,
    configurations: Configurations,
    deployments: Deployments,
    releases: Releases,
    vault: Vault,
    patience: Patience,
    caller: Caller,
    origin: Origin,
    clock: Clock,
) -> Done[ConfiguredEnvironment]:
    wanted = asked.change()
    application = (await applications.locked(asked.application_id)).owned_by(caller.user_id)
    environment = await environments.get(application, asked.environment)
    change = wanted.against(await configurations.at(application.id, application.config_version), environment.name)
    if change is None:
        return Done(ConfiguredEnvironment.of(application))

    now = clock.now()
    version = application.configured()
    await applications.save(application)
    await configurations.change(application.id, environment.name, change.sealed(vault.seal), version, now)

    serving = await deployments.last_good(environment)
    if not asked.deploy or serving is None or serving.release_id is None:
        return Done(ConfiguredEnvironment.of(application))

    release = await releases.add((await releases.get(serving.release_id)).configured(version, now))
    deployment = released_again(application, environment, release, serving, patience, origin.correlation_id, now)
    await deployments.add(deployment)
    return Done(ConfiguredEnvironment.of(application, [deployment]), *begun(deployment))
