"""List the releases of an application, newest first."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.release import Release
from functions.deploy.ports import Applications, Deployments, Environments, Releases
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Int32, Model, Page, Permission, Permit, query


class ListReleases(Model):
    application_id: UUID
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: Int32 | None = None
    """`next` of the previous page."""


class ReleaseSummaryView(Model):
    number: int
    commit: str
    image: str
    kind: str
    config_version: int
    created_at: datetime
    serves_in: list[EnvironmentName]


@query(http="GET /v1/apps/{application_id}/releases", permission=Permission.APP_READ, rejects=[ApplicationNotFound])
async def releases(
    request: ListReleases,
    applications: Applications,
    environments: Environments,
    deployments: Deployments,
    releases: Releases,
    control: AccessControl,
    permit: Permit,
) -> Page[ReleaseSummaryView]:
    application = await applications.get(await control.to_application(permit, request.application_id))
    rows = await releases.page(application.id, before=request.cursor, limit=request.limit + 1)
    release_by_environment = {
        each.name: serving.release for each in await environments.list_all(application) if (serving := await deployments.find_serving(each))
    }

    def view(release: Release) -> ReleaseSummaryView:
        return ReleaseSummaryView(
            number=release.number,
            commit=release.commit,
            image=release.image,
            kind=release.kind,
            config_version=release.config_version,
            created_at=release.created_at,
            serves_in=[name for name, number in release_by_environment.items() if number == release.number],
        )

    return Page.from_rows(rows, request.limit, view, cursor=lambda row: row.number)
