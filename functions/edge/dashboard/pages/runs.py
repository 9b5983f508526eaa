"""One-off commands of an application: what ran, start one, cancel one. A terminal is in the CLI."""

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.pages.forms import submit
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit, gather


async def show(visit: Visit) -> Response:
    return await _page(visit)


async def _page(visit: Visit, problem: ApiProblem | None = None) -> Response:
    application_id = visit.path_value("id")
    application, environments, page = await gather(
        visit.call("deploy.application", applicationId=application_id),
        visit.call("deploy.environments", applicationId=application_id),
        visit.call("deploy.runs", applicationId=application_id, limit="50", cursor=visit.query("cursor") or None),
    )
    return visit.render(
        "runs.html",
        problem.status if problem else 200,
        application=application,
        environments=[each["name"] for each in environments["items"]],
        page=page,
        command=visit.sent.get("command", ""),
        problem=problem,
    )


async def start(visit: Visit) -> Response:
    form = await visit.form()
    fields = {"applicationId": visit.path_value("id"), "environment": form.get("environment", ""), "command": form.get("command", "")}
    return await submit(visit, _page, _path(visit), "run-started", "deploy.start_run", **fields)


async def cancel(visit: Visit) -> Response:
    fields = {"applicationId": visit.path_value("id"), "runId": visit.path_value("run")}
    return await submit(visit, _page, _path(visit), "run-cancelled", "deploy.cancel_run", **fields)


def _path(visit: Visit) -> str:
    return f"/apps/{visit.path_value('id')}/runs"


PAGES = (
    Page("GET", "/apps/{id}/runs", show),
    Page("POST", "/apps/{id}/runs", start),
    Page("POST", "/apps/{id}/runs/{run}/cancellation", cancel),
)
