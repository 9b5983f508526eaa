"""What an application finds in every environment that says nothing else: variables as they are, of secrets the names and versions only."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from functions.deploy.domain.configuration import PROJECT
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Configurations
from functions.kernel import Caller, Model, query


class ShowApplicationConfiguration(Model):
    application_id: UUID


class ApplicationSetting(Model):
    name: str
    secret: bool
    value: str | None
    """None for a secret: what is written is not read again."""
    version: int
    """The version that set it."""
    scope: Literal["application", "environment"]
    changed_at: datetime


class ApplicationConfiguration(Model):
    version: int
    """The newest of the application: one count for all its environments."""
    entries: list[ApplicationSetting]


@query(http="GET /v1/apps/{application_id}/config", rejects=[ApplicationNotFound])
async def application_configuration(
    asked: ShowApplicationConfiguration, applications: Applications, configurations: Configurations, caller: Caller
) -> ApplicationConfiguration:
    application = (await applications.get(asked.application_id)).owned_by(caller.user_id)
    entries = await configurations.at(application.id, application.config_version)

    return ApplicationConfiguration(
        version=application.config_version,
        entries=[
            ApplicationSetting(
                name=each.name,
                secret=each.secret,
                value=each.value,
                version=each.since,
                scope="environment" if each.scope else "application",
                changed_at=each.at,
            )
            for each in [each for each in entries if each.scope == PROJECT]
        ],
    )
