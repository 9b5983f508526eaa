"""A user sets variables and secrets that count in every environment of an application, unless the environment says otherwise: another version of the
configuration and another release wherever something serves."""

from events.deploy import DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentRequested
from functions.deploy.domain.configuration import PROJECT
from functions.deploy.domain.configuring import Configured, Configuring, released_again
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.environment import Patience
from functions.deploy.domain.facts import begun
from functions.deploy.domain.rejections import ApplicationNotFound, DeploymentInProgress, HostNameReserved, InvalidConfiguration
from functions.deploy.domain.timeouts import DeploymentTimedOut
from functions.deploy.ports import Applications, Configurations, Deployments, Environments, Releases, Vault
from functions.kernel import Caller, Clock, Delayed, Done, Event, Origin, command


class ConfigureApplication(Configuring):
    pass


class ConfiguredApplication(Configured):
    pass


@command(
    http="PATCH /v1/apps/{application_id}/config",
    status=202,
    rejects=[ApplicationNotFound, InvalidConfiguration, DeploymentInProgress, HostNameReserved],
    emits=[DeploymentRequested, DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentTimedOut],
)
async def configure_application(
    asked: ConfigureApplication,
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
) -> Done[ConfiguredApplication]:
    wanted = asked.change()
    application = (await applications.locked(asked.application_id)).owned_by(caller.user_id)
    concerned = await environments.all(application)
    change = wanted.against(await configurations.at(application.id, application.config_version), PROJECT)
    if change is None:
        return Done(ConfiguredApplication.of(application))

    now, started, told = clock.now(), list[Deployment](), list[Event | Delayed]()
    version = application.configured()
    await applications.save(application)
    await configurations.change(application.id, PROJECT, change.sealed(vault.seal), version, now)

    for environment in concerned if asked.deploy else ():
        serving = await deployments.last_good(environment)
        if serving is None or serving.release_id is None:
            continue
        release = await releases.add((await releases.get(serving.release_id)).configured(version, now))
        deployment = released_again(application, environment, release, serving, patience, origin.correlation_id, now)
        await deployments.add(deployment)
        started.append(deployment)
        told.extend(begun(deployment))

    return Done(ConfiguredApplication.of(application, started), *told)
