"""A user sets variables and secrets of one environment, many at once: another version of the configuration and, where something serves, another
release of it. Nothing is built."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, SecretStr

from events.deploy import DeploymentPreparing, DeploymentReleasing, DeploymentRequested
from functions.deploy.domain.configuration import Change
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.environment import Patience
from functions.deploy.domain.facts import begun
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound, DeploymentInProgress, EnvironmentNotFound, InvalidConfiguration
from functions.deploy.domain.requested import RequestedDeployment
from functions.deploy.domain.status import Cause
from functions.deploy.domain.timeouts import DeploymentTimedOut
from functions.deploy.ports import Applications, Configurations, Deployments, Environments, Releases, Vault
from functions.kernel import Caller, Clock, Delayed, Done, Event, Model, Origin, command


class ConfigureEnvironment(Model):
    application_id: UUID
    environment: EnvironmentName
    variables: dict[str, str] = Field(default_factory=dict)
    secrets: dict[str, SecretStr] = Field(default_factory=dict, json_schema_extra={"writeOnly": True})
    """Write-only: their values are never shown again."""
    unset: Annotated[list[str], Field(max_length=200)] = Field(default_factory=list)
    deploy: bool = True
    """Release what serves with it at once; otherwise it counts from the next release on."""


class ConfiguredEnvironment(Model):
    version: int
    deployments: list[RequestedDeployment]
    """One for each environment that is released again."""


@command(
    http="PATCH /v1/apps/{application_id}/environments/{environment}/config",
    answers=202,
    rejects=[ApplicationNotFound, EnvironmentNotFound, InvalidConfiguration, DeploymentInProgress],
    emits=[DeploymentRequested, DeploymentPreparing, DeploymentReleasing, DeploymentTimedOut],
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
    wanted = Change.parse(asked.variables, {name: secret.get_secret_value() for name, secret in asked.secrets.items()}, asked.unset)
    application = (await applications.locked(asked.application_id)).owned_by(caller.user_id)
    concerned = [await environments.get(application, asked.environment)]
    change = wanted.against(await configurations.at(application.id, application.config_version), asked.environment)
    if change is None:
        return Done(ConfiguredEnvironment(version=application.config_version, deployments=[]))

    now, started, told = clock.now(), list[Deployment](), list[Event | Delayed]()
    version = application.configured()
    await applications.save(application)
    await configurations.change(application.id, asked.environment, change.sealed(vault.seal), version, now)

    for environment in concerned if asked.deploy else ():
        serving = await deployments.last_good(environment)
        if serving is None or serving.release_id is None:
            continue
        release = await releases.add((await releases.get(serving.release_id)).configured(version, now))
        terms = environment.terms(patience, application)
        deployment = Deployment.again(
            application, environment.name, Cause.CONFIGURATION, release, terms, serving, correlation_id=origin.correlation_id, at=now
        )
        await deployments.add(deployment)
        started.append(deployment)
        told.extend(begun(deployment))

    return Done(ConfiguredEnvironment(version=version, deployments=[RequestedDeployment.of(each) for each in started]), *told)
