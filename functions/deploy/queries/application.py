"""One application, and what runs of it in each environment."""

from datetime import datetime
from uuid import UUID

from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Deployments, Environments
from functions.kernel import Caller, Model, query


class ShowApplication(Model):
    application_id: UUID


class LatestDeployment(Model):
    id: UUID
    status: str
    reason: str | None
    requested_at: datetime


class ShownEnvironment(Model):
    name: EnvironmentName
    url: str | None
    release: int | None
    commit: str | None
    latest_deployment: LatestDeployment


class ShownApplication(Model):
    id: UUID
    name: str
    repository: str
    created_at: datetime
    health_path: str | None
    release_command: str | None
    directory: str | None
    config_version: int
    environments: list[ShownEnvironment]
    """Those that something was deployed to."""


@query(http="GET /v1/apps/{application_id}", rejects=[ApplicationNotFound])
async def application(
    asked: ShowApplication, applications: Applications, environments: Environments, deployments: Deployments, caller: Caller
) -> ShownApplication:
    shown = (await applications.get(asked.application_id)).owned_by(caller.user_id)
    latest = {each.environment: each for each in await deployments.latest(shown.id)}

    found = []
    for environment in await environments.all(shown):
        newest = latest.get(environment.name)
        if newest is None or newest.requested_at < environment.created_at:
            continue
        good = await deployments.last_good(environment)
        found.append(
            ShownEnvironment(
                name=environment.name,
                url=good.url if good else None,
                release=good.release if good else None,
                commit=good.commit if good else None,
                latest_deployment=LatestDeployment(id=newest.id, status=newest.status, reason=newest.reason, requested_at=newest.requested_at),
            )
        )
    return ShownApplication(
        id=shown.id,
        name=shown.name,
        repository=shown.repository,
        created_at=shown.created_at,
        health_path=shown.health_path,
        release_command=shown.release_command,
        directory=shown.directory,
        config_version=shown.config_version,
        environments=found,
    )
