"""Schedules of an application: add one, run it now, pause, resume, delete; and the history of its runs."""

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.pages.forms import submit
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit, gather

UNKNOWN = ApiProblem(404, "The application has no such schedule", "Its page of schedules lists them.")
FIELDS = ("cron", "timeZone", "command", "overlap")


async def show(visit: Visit) -> Response:
    return await _page(visit)


async def _page(visit: Visit, problem: ApiProblem | None = None) -> Response:
    application_id = visit.path_value("id")
    application, environments, schedules = await gather(
        visit.call("deploy.application", applicationId=application_id),
        visit.call("deploy.environments", applicationId=application_id),
        visit.call("deploy.schedules", applicationId=application_id),
    )
    return visit.render(
        "schedules.html",
        problem.status if problem else 200,
        application=application,
        environments=[each["name"] for each in environments["items"]],
        schedules=schedules["items"],
        values={"timeZone": "UTC", **{name: visit.sent[name] for name in FIELDS if visit.sent.get(name)}},
        problem=problem,
    )


async def history(visit: Visit) -> Response:
    application_id, schedule_id = visit.path_value("id"), visit.path_value("schedule")
    application, schedules, page = await gather(
        visit.call("deploy.application", applicationId=application_id),
        visit.call("deploy.schedules", applicationId=application_id),
        visit.call("deploy.schedule_runs", applicationId=application_id, scheduleId=schedule_id, limit="50", cursor=visit.query("cursor") or None),
    )
    schedule = next((each for each in schedules["items"] if each["id"] == schedule_id), None)
    if schedule is None:
        raise UNKNOWN
    return visit.render("schedule_runs.html", application=application, schedule=schedule, page=page)


async def add(visit: Visit) -> Response:
    form = await visit.form()
    settings = {name: form[name] for name in FIELDS if form.get(name)}
    fields = {"applicationId": visit.path_value("id"), "environment": form.get("environment", ""), **settings}
    return await submit(visit, _page, _path(visit), "schedule-created", "deploy.create_schedule", **fields)


async def run(visit: Visit) -> Response:
    return await submit(visit, _page, f"{_path(visit)}/{visit.path_value('schedule')}", "run-started", "deploy.run_schedule", **_target(visit))


async def pause(visit: Visit) -> Response:
    return await submit(visit, _page, _path(visit), "schedule-paused", "deploy.change_schedule", **_target(visit), isPaused=True)


async def resume(visit: Visit) -> Response:
    return await submit(visit, _page, _path(visit), "schedule-resumed", "deploy.change_schedule", **_target(visit), isPaused=False)


async def delete(visit: Visit) -> Response:
    return await submit(visit, _page, _path(visit), "schedule-deleted", "deploy.delete_schedule", **_target(visit))


def _target(visit: Visit) -> dict[str, str]:
    return {"applicationId": visit.path_value("id"), "scheduleId": visit.path_value("schedule")}


def _path(visit: Visit) -> str:
    return f"/apps/{visit.path_value('id')}/schedules"


PAGES = (
    Page("GET", "/apps/{id}/schedules", show),
    Page("POST", "/apps/{id}/schedules", add),
    Page("GET", "/apps/{id}/schedules/{schedule}", history),
    Page("POST", "/apps/{id}/schedules/{schedule}/runs", run),
    Page("POST", "/apps/{id}/schedules/{schedule}/pause", pause),
    Page("POST", "/apps/{id}/schedules/{schedule}/resume", resume),
    Page("POST", "/apps/{id}/schedules/{schedule}/delete", delete),
)
