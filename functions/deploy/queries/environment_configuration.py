"""What an application finds in one environment: variables as they are, of secrets the names and versions only."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from functions.deploy.domain.configuration import merged
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound
from functions.deploy.ports import Applications, Configurations, Environments
from functions.kernel import Caller, Model, query


class ShowEnvironmentConfiguration(Model):
    application_id: UUID
    environment: EnvironmentName


class EnvironmentSetting(Model):
    name: str
    secret: bool
    value: str | None
    """None for a secret: what is written is not read again."""
    version: int
    """The version that set it."""
    scope: Literal["application", "environment"]
    changed_at: datetime


class EnvironmentConfiguration(Model):
    version: int
    """The newest of the application: one count for all its environments."""
    entries: list[EnvironmentSetting]


@query(http="GET /v1/apps/{application_id}/environments/{environment}/config", rejects=[ApplicationNotFound, EnvironmentNotFound])
async def environment_configuration(
    asked: ShowEnvironmentConfiguration, applications: Applications, environments: Environments, configurations: Configurations, caller: Caller
) -> EnvironmentConfiguration:
    application = (await applications.get(asked.application_id)).owned_by(caller.user_id)
    environment = await environments.get(application, asked.environment)
    entries = await configurations.at(application.id, application.config_version)

    return EnvironmentConfiguration(
        version=application.config_version,
        entries=[
            EnvironmentSetting(
                name=each.name,
                secret=each.secret,
                value=each.value,
                version=each.since,
                scope="environment" if each.scope else "application",
                changed_at=each.at,
            )
            for each in merged(entries, environment.name).values()
        ],
    )
