"""Notifications of an application's alerts: what was sent, and what its receivers answered. And a test of a channel."""

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.pages.forms import submit
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit, gather


async def show(visit: Visit) -> Response:
    return await _page(visit)


async def _page(visit: Visit, problem: ApiProblem | None = None) -> Response:
    application_id = visit.path_value("id")
    application, page = await gather(
        visit.call("deploy.application", applicationId=application_id),
        visit.call("monitor.alert_deliveries", applicationId=application_id, cursor=visit.query("cursor") or None),
    )
    return visit.render("alert_deliveries.html", problem.status if problem else 200, application=application, page=page, problem=problem)


async def try_channel(visit: Visit) -> Response:
    application_id = visit.path_value("id")
    fields = {"applicationId": application_id, "channelId": visit.path_value("channel")}
    return await submit(visit, _page, f"/apps/{application_id}/alert-deliveries", "channel-tested", "monitor.try_alert_channel", **fields)


PAGES = (
    Page("GET", "/apps/{id}/alert-deliveries", show),
    Page("POST", "/apps/{id}/settings/webhooks/{channel}/test", try_channel),
)
