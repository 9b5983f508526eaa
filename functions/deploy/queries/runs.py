"""List the one-off commands of an application, newest first."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.run_views import RunView
from functions.deploy.ports import Applications, Runs
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Model, Page, Permission, Permit, query


class ListRuns(Model):
    application_id: UUID
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: UUID | None = None
    """`next` of the previous page."""


@query(http="GET /v1/apps/{application_id}/runs", permission=Permission.APP_READ, rejects=[ApplicationNotFound])
async def runs(request: ListRuns, applications: Applications, runs: Runs, control: AccessControl, permit: Permit) -> Page[RunView]:
    application = await applications.get(await control.to_application(permit, request.application_id))
    rows = await runs.page(application.id, before=request.cursor, limit=request.limit + 1)

    return Page.from_rows(rows, request.limit, RunView.of, cursor=lambda row: row.id)
