"""One application, and what runs of it in each environment."""

from datetime import datetime
from uuid import UUID

from functions.deploy.domain.names import Environment
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Deployments, Releases
from functions.kernel import Caller, Model, query


class ShowApplication(Model):
    application_id: UUID


class LatestDeployment(Model):
    id: UUID
    status: str
    reason: str | None
    requested_at: datetime


class ShownEnvironment(Model):
    name: Environment
    url: str | None
    release: int | None
    commit: str | None
    latest_deployment: LatestDeployment


class ShownApplication(Model):
    id: UUID
    name: str
    repository: str
    created_at: datetime
    environments: list[ShownEnvironment]


@query(http="GET /v1/apps/{application_id}", rejects=[ApplicationNotFound])
async def application(
    asked: ShowApplication, applications: Applications, deployments: Deployments, releases: Releases, caller: Caller
) -> ShownApplication:
    shown = (await applications.get(asked.application_id)).owned_by(caller.user_id)

    environments = []
    for latest in await deployments.latest(shown.id):
        good = await deployments.last_good(shown.id, latest.environment)
        numbers = await releases.numbers([good.release_id]) if good and good.release_id else {}
        environments.append(
            ShownEnvironment(
                name=latest.environment,
                url=good.url if good else None,
                release=next(iter(numbers.values()), None),
                commit=good.commit if good else None,
                latest_deployment=LatestDeployment(id=latest.id, status=latest.status, reason=latest.reason, requested_at=latest.requested_at),
            )
        )
    return ShownApplication(id=shown.id, name=shown.name, repository=shown.repository, created_at=shown.created_at, environments=environments)
