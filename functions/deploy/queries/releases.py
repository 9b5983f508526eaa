"""List the releases of an application, newest first."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Deployments, Environments, Releases
from functions.kernel import Caller, Model, query


class ListReleases(Model):
    application_id: UUID
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: int | None = None
    """`next` of the previous page."""


class ReleaseListView(Model):
    number: int
    commit: str
    image: str
    kind: str
    config_version: int
    created_at: datetime
    serves_in: list[EnvironmentName]


class ReleasePage(Model):
    items: list[ReleaseListView]
    next: int | None


@query(http="GET /v1/apps/{application_id}/releases", rejects=[ApplicationNotFound])
async def releases(
    request: ListReleases, applications: Applications, environments: Environments, deployments: Deployments, releases: Releases, caller: Caller
) -> ReleasePage:
    application = await applications.get_owned(request.application_id, caller.user_id)
    found = await releases.page(application.id, before=request.cursor, limit=request.limit + 1)
    page = found[: request.limit]
    release_by_environment = {
        each.name: serving.release for each in await environments.list_all(application) if (serving := await deployments.find_serving(each))
    }

    items = [
        ReleaseListView(
            number=each.number,
            commit=each.commit,
            image=each.image,
            kind=each.kind,
            config_version=each.config_version,
            created_at=each.created_at,
            serves_in=[name for name, number in release_by_environment.items() if number == each.number],
        )
        for each in page
    ]
    return ReleasePage(items=items, next=page[-1].number if len(found) > request.limit else None)
