"""List the one-off commands of an application, newest first."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.run_views import RunView
from functions.deploy.ports import Applications, Runs
from functions.kernel import Caller, Model, Page, query


class ListRuns(Model):
    application_id: UUID
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: UUID | None = None
    """`next` of the previous page."""


@query(http="GET /v1/apps/{application_id}/runs", rejects=[ApplicationNotFound])
async def runs(request: ListRuns, applications: Applications, runs: Runs, caller: Caller) -> Page[RunView]:
    application = await applications.get_owned(request.application_id, caller.user_id)
    rows = await runs.page(application.id, before=request.cursor, limit=request.limit + 1)

    return Page.from_rows(rows, request.limit, RunView.of, cursor=lambda row: row.id)
