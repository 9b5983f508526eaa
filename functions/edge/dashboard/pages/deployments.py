"""Deployments: start, follow, promote, roll back, cancel, and the page that explains each from commit to traffic."""

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem, Json
from functions.edge.dashboard.pages.forms import whole_number
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.stream import Event, stream_response
from functions.edge.dashboard.visit import Visit, gather, optional

FINAL = frozenset({"succeeded", "failed", "cancelled", "rolled-back"})
LINES_AT_ONCE = "500"
POLL_SECONDS = 1.0
MAX_STREAM_SECONDS = 15 * 60
"""Then the browser connects again, with the cursor of the last line it has."""


async def index(visit: Visit) -> Response:
    application_id = visit.path_value("id")
    application, deployments, releases = await gather(
        visit.call("deploy.application", applicationId=application_id),
        visit.call("deploy.deployments", applicationId=application_id, cursor=visit.query("cursor") or None),
        visit.call("deploy.releases", applicationId=application_id, limit="20"),
    )
    return visit.render("deployments.html", application=application, deployments=deployments, releases=releases["items"])


async def show(visit: Visit) -> Response:
    ids = {"applicationId": visit.path_value("id"), "deploymentId": visit.path_value("deployment")}
    application, deployment, log, metrics = await gather(
        visit.call("deploy.application", applicationId=ids["applicationId"]),
        visit.call("deploy.deployment", **ids),
        visit.call("monitor.logs", applicationId=ids["applicationId"], deployment=ids["deploymentId"], limit=LINES_AT_ONCE),
        optional(visit.call("monitor.metrics", applicationId=ids["applicationId"])),
    )
    timeline = await optional(visit.call("monitor.timeline", correlationId=deployment["correlationId"]))
    return visit.render(
        "deployment.html",
        application=application,
        deployment=deployment,
        log=log,
        is_final=deployment["status"] in FINAL,
        timeline=timeline["entries"] if timeline else [],
        requests=_requests(metrics, deployment["environment"]),
    )


def _requests(metrics: Json | None, environment: str) -> Json | None:
    """The last hour's totals of an environment."""
    if metrics is None:
        return None
    found = next((each["total"] for each in metrics["environments"] if each["environment"] == environment), None)
    return found if isinstance(found, dict) else None


async def follow(visit: Visit) -> Response:
    """Stream status and log lines as server-sent events. The event's id is the log's cursor."""
    after = visit.request.headers.get("last-event-id") or visit.query("after") or None
    return stream_response(_events(visit, after))


async def _events(visit: Visit, after: str | None) -> AsyncIterator[Event]:
    application_id, deployment_id = visit.path_value("id"), visit.path_value("deployment")
    sent = ""
    async with asyncio.timeout(MAX_STREAM_SECONDS):
        while True:
            deployment, log = await gather(
                visit.call("deploy.deployment", applicationId=application_id, deploymentId=deployment_id),
                visit.call("monitor.logs", applicationId=application_id, deployment=deployment_id, after=after, limit=LINES_AT_ONCE),
            )
            is_final = deployment["status"] in FINAL
            status = visit.fragment("deployment_status.html", deployment=deployment, is_final=is_final, application={"id": application_id})
            if status != sent:
                yield Event("status", status)
                sent = status
            if log["lines"]:
                after = log["cursor"]
                yield Event("lines", visit.fragment("log_lines.html", lines=log["lines"], has_environment=False), after)
            elif is_final:
                yield Event("end", "")
                return
            await asyncio.sleep(0 if len(log["lines"]) == int(LINES_AT_ONCE) else POLL_SECONDS)


async def start(visit: Visit) -> Response:
    form, application_id = await visit.form(), visit.path_value("id")
    accepted = await visit.call("deploy.deploy", applicationId=application_id, environment=form.get("environment", ""), ref=form.get("ref") or None)
    return _to(visit, accepted)


async def promote(visit: Visit) -> Response:
    form = await visit.form()
    fields = {"applicationId": visit.path_value("id"), "from": form.get("from", ""), "to": form.get("to", "")}
    return _to(visit, await visit.call("deploy.promote", **fields))


async def roll_back(visit: Visit) -> Response:
    form = await visit.form()
    release = form.get("release", "")
    accepted = await visit.call(
        "deploy.roll_back",
        applicationId=visit.path_value("id"),
        environment=form.get("environment", ""),
        release=whole_number(release) or None,
    )
    return _to(visit, accepted)


async def cancel(visit: Visit) -> Response:
    await visit.form()
    try:
        await visit.call("deploy.cancel_deployment", applicationId=visit.path_value("id"), deploymentId=visit.path_value("deployment"))
    except ApiProblem as problem:
        if problem.status != 409:
            raise  # it ended in the meantime: its page says how
    return visit.redirect(f"/apps/{visit.path_value('id')}/deployments/{visit.path_value('deployment')}")


def _to(visit: Visit, accepted: Json) -> Response:
    return visit.redirect(f"/apps/{visit.path_value('id')}/deployments/{accepted['id']}")


PAGES = (
    Page("GET", "/apps/{id}/deployments", index),
    Page("POST", "/apps/{id}/deployments", start),
    Page("POST", "/apps/{id}/promotions", promote),
    Page("POST", "/apps/{id}/rollbacks", roll_back),
    Page("GET", "/apps/{id}/deployments/{deployment}", show),
    Page("GET", "/apps/{id}/deployments/{deployment}/events", follow),
    Page("POST", "/apps/{id}/deployments/{deployment}/cancellation", cancel),
)
