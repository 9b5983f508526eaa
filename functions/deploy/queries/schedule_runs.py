"""List the runs of a schedule, newest first.

At its times and by hand. They are kept for 30 days.
"""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.run_views import RunView
from functions.deploy.domain.workload_rejections import ScheduleNotFound
from functions.deploy.ports import Applications, Runs, Schedules
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Model, Page, Permission, Permit, query


class ListScheduleRuns(Model):
    application_id: UUID
    schedule_id: UUID
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: UUID | None = None
    """`next` of the previous page."""


@query(
    http="GET /v1/apps/{application_id}/schedules/{schedule_id}/runs",
    permission=Permission.APP_READ,
    rejects=[ApplicationNotFound, ScheduleNotFound],
)
async def schedule_runs(
    request: ListScheduleRuns, applications: Applications, schedules: Schedules, runs: Runs, control: AccessControl, permit: Permit
) -> Page[RunView]:
    application = await applications.get(await control.to_application(permit, request.application_id))
    schedule = await schedules.get(application.id, request.schedule_id)
    rows = await runs.page_of_schedule(schedule.id, before=request.cursor, limit=request.limit + 1)

    return Page.from_rows(rows, request.limit, RunView.of, cursor=lambda row: row.id)
