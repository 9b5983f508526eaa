"""The releases of an application, newest first."""

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
    """`next` of the page before."""


class ListedRelease(Model):
    number: int
    commit: str
    image: str
    kind: str
    config_version: int
    created_at: datetime
    serves_in: list[EnvironmentName]


class ReleasePage(Model):
    items: list[ListedRelease]
    next: int | None


@query(http="GET /v1/apps/{application_id}/releases", rejects=[ApplicationNotFound])
async def releases(
    asked: ListReleases, applications: Applications, environments: Environments, deployments: Deployments, releases: Releases, caller: Caller
) -> ReleasePage:
    application = (await applications.get(asked.application_id)).owned_by(caller.user_id)
    found = await releases.page(application.id, before=asked.cursor, limit=asked.limit + 1)
    shown = found[: asked.limit]
    serving = {each.name: good.release for each in await environments.all(application) if (good := await deployments.last_good(each))}

    items = [
        ListedRelease(
            number=each.number,
            commit=each.commit,
            image=each.image,
            kind=each.kind,
            config_version=each.config_version,
            created_at=each.created_at,
            serves_in=[name for name, number in serving.items() if number == each.number],
        )
        for each in shown
    ]
    return ReleasePage(items=items, next=shown[-1].number if len(found) > asked.limit else None)
