"""List the schedules of an application."""

from uuid import UUID

from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound
from functions.deploy.domain.schedule_views import ScheduleView
from functions.deploy.ports import Applications, Environments, Runs, Schedules
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Clock, Model, Page, Permission, Permit, query


class ListSchedules(Model):
    application_id: UUID
    environment: EnvironmentName | None = None
    """Default: all environments."""


@query(http="GET /v1/apps/{application_id}/schedules", permission=Permission.APP_READ, rejects=[ApplicationNotFound, EnvironmentNotFound])
async def schedules(
    request: ListSchedules,
    applications: Applications,
    environments: Environments,
    schedules: Schedules,
    runs: Runs,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Page[ScheduleView]:
    application = await applications.get(await control.to_application(permit, request.application_id))
    if request.environment is not None:
        await environments.get(application, request.environment)
    items = []
    for each in await schedules.list_all(application.id, request.environment):
        last = next(iter(await runs.page_of_schedule(each.id, before=None, limit=1)), None)
        items.append(ScheduleView.of(each, last, clock.now()))
    return Page(items=items)
