"""What is said of a configuration and answered to it, whether it is an application's or one environment's; and what a change of it releases again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, SecretStr

from functions.deploy.domain.application import Application
from functions.deploy.domain.configuration import Change
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.environment import Environment, Patience
from functions.deploy.domain.names import demand_own_host
from functions.deploy.domain.release import Release
from functions.deploy.domain.requested import RequestedDeployment
from functions.deploy.domain.status import Cause
from functions.kernel import Model


class Configuring(Model):
    """What is neither set nor unset stays as it is."""

    application_id: UUID
    variables: dict[str, str] = Field(default_factory=dict)
    secrets: dict[str, SecretStr] = Field(default_factory=dict, json_schema_extra={"writeOnly": True})
    """Write-only: their values are never shown again."""
    unset: Annotated[list[str], Field(max_length=200)] = Field(default_factory=list)
    deploy: bool = True
    """Release what serves with it at once; otherwise it counts from the next release on."""

    def change(self) -> Change:
        """Raises InvalidConfiguration."""
        return Change.parse(self.variables, {name: secret.get_secret_value() for name, secret in self.secrets.items()}, self.unset)


class Configured(Model):
    version: int
    deployments: list[RequestedDeployment]
    """One for each environment that is released again."""

    @classmethod
    def of(cls, application: Application, started: Sequence[Deployment] = ()) -> Self:
        return cls(version=application.config_version, deployments=[RequestedDeployment.of(each) for each in started])


def released_again(
    application: Application,
    environment: Environment,
    release: Release,
    serving: Deployment,
    patience: Patience,
    correlation_id: str,
    at: datetime,
) -> Deployment:
    """Of a release with the newest configuration, in the place of what serves. Raises HostNameReserved."""
    demand_own_host(application.name, environment.name)
    terms = environment.terms(patience, application)
    return Deployment.again(application, environment.name, Cause.CONFIGURATION, release, terms, serving, correlation_id=correlation_id, at=at)
