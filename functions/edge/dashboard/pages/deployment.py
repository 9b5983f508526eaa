"""A deployment explained on one page, from commit to traffic: status and cause, steps, source, log, requests, cost, and what each function did."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem, Json
from functions.edge.dashboard.charts import Chart, line_chart
from functions.edge.dashboard.formats import parse_time
from functions.edge.dashboard.gantt import bars
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.remedies import Remedy, remedy
from functions.edge.dashboard.source_links import commit_url, compare_url
from functions.edge.dashboard.stream import Event, stream_response
from functions.edge.dashboard.visit import Visit, gather, optional

FINAL = frozenset({"succeeded", "failed", "cancelled", "rolled-back"})
SERVED = frozenset({"succeeded", "rolled-back"})
"""Its release got traffic: before, and after another failure, the requests are those of other releases."""
LINES_AT_ONCE = "500"
POLL_SECONDS = 1.0
MAX_STREAM_SECONDS = 15 * 60
"""Then the browser connects again, with the cursor of the last line it has."""
BEFORE, AFTER = timedelta(minutes=10), timedelta(minutes=20)
"""How much of the traffic around a deployment its charts show."""
POINT_SECONDS = "60"


async def show(visit: Visit) -> Response:
    application_id, deployment_id = visit.path_value("id"), visit.path_value("deployment")
    application, deployment, log, releases = await gather(
        visit.call("deploy.application", applicationId=application_id),
        visit.call("deploy.deployment", applicationId=application_id, deploymentId=deployment_id),
        visit.call("monitor.logs", applicationId=application_id, deployment=deployment_id, limit=LINES_AT_ONCE),
        visit.call("deploy.releases", applicationId=application_id, limit="100"),
    )
    timeline, metrics, bill = await gather(
        optional(visit.call("monitor.timeline", correlationId=deployment["correlationId"])),
        optional(visit.call("monitor.metrics", applicationId=application_id, environment=deployment["environment"], **_around(visit, deployment))),
        optional(visit.call("billing.current_bill", teamId=application["teamId"], applicationId=application_id)),
    )
    commits = {each["number"]: each["commit"] for each in releases["items"]}
    return visit.render(
        "deployment.html",
        application=application,
        deployment=deployment,
        log=log,
        is_final=deployment["status"] in FINAL,
        remedy=_remedy(application, deployment),
        source=_source(application, deployment, commits),
        later=_later(application, deployment),
        targets=_targets(application, deployment),
        can_roll_back=_can_roll_back(application, deployment),
        has_served=deployment["status"] in SERVED,
        requests=metrics["total"] if metrics and deployment["status"] in SERVED else None,
        charts=_charts(metrics),
        cost=_cost(bill, application, deployment["environment"]),
        timeline=bars(timeline["entries"]) if timeline else [],
    )


def _around(visit: Visit, deployment: Json) -> dict[str, str]:
    """The time around a deployment, as parameters of `monitor.metrics`."""
    begin = parse_time(deployment["requestedAt"]) - BEFORE
    end = min(parse_time(deployment["finishedAt"]) + AFTER, visit.now) if deployment["finishedAt"] else visit.now
    return {"from": begin.isoformat(), "to": max(end, begin + BEFORE).isoformat(), "step": POINT_SECONDS}


def _remedy(application: Json, deployment: Json) -> Remedy | None:
    return remedy(application, deployment) if deployment["status"] in ("failed", "rolled-back") and deployment["reason"] else None


def _source(application: Json, deployment: Json, commits: dict[int, str]) -> Json:
    """`previousCommit`: of the release that served before. `commitUrl`, `compareUrl`: pages of the git host, empty where its form is unknown."""
    commit, previous = deployment["commit"] or "", commits.get(deployment["previousRelease"] or 0, "")
    repository = application["repository"] or ""
    return {
        "previousCommit": previous,
        "isSameCommit": bool(commit) and commit == previous,
        "commitUrl": commit_url(repository, commit),
        "compareUrl": compare_url(repository, previous, commit),
    }


def _targets(application: Json, deployment: Json) -> list[str]:
    """Other environments that do not serve the release of a deployment that succeeded; production, if it was never deployed to."""
    if deployment["status"] != "succeeded" or deployment["release"] is None:
        return []
    serving = {each["name"]: each["release"] for each in application["environments"]}
    names = {*serving, "production"} - {deployment["environment"]}
    return sorted(name for name in names if serving.get(name) != deployment["release"])


def _later(application: Json, deployment: Json) -> Json | None:
    """The environment of a deployment that succeeded, if another release serves there now, or nothing."""
    if deployment["status"] != "succeeded":
        return None
    found = next((each for each in application["environments"] if each["name"] == deployment["environment"]), None)
    return found if found and found["release"] != deployment["release"] else None


def _can_roll_back(application: Json, deployment: Json) -> bool:
    """Whether its release serves, and one served before."""
    is_serving = any(each["name"] == deployment["environment"] and each["release"] == deployment["release"] for each in application["environments"])
    return bool(is_serving and deployment["status"] == "succeeded" and deployment["previousRelease"])


def _charts(metrics: Json | None) -> list[Chart]:
    if metrics is None or not metrics["total"]["requests"]:
        return []
    points, markers = metrics["points"], metrics["markers"]
    return [
        line_chart("Requests", "per minute", points, markers, {"requests": lambda point: point["requests"]}),
        line_chart("Errors", "% of requests answered with 5xx", points, markers, {"errors": lambda point: (point["errorRate"] or 0) * 100}),
    ]


def _cost(bill: Json | None, application: Json, environment: str) -> Json | None:
    """What the environment has cost in this period."""
    lines = bill["lines"] if bill else []
    found = next((each for each in lines if each["applicationId"] == application["id"] and each["environment"] == environment), None)
    return found["amount"] if found else None


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
            application = {"id": application_id}
            status = visit.fragment(
                "deployment_status.html",
                deployment=deployment,
                is_final=is_final,
                application=application,
                remedy=_remedy(application, deployment),
                later=None,
                targets=[],
                can_roll_back=False,
            )
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


async def cancel(visit: Visit) -> Response:
    await visit.form()
    try:
        await visit.call("deploy.cancel_deployment", applicationId=visit.path_value("id"), deploymentId=visit.path_value("deployment"))
    except ApiProblem as problem:
        if problem.status != 409:
            raise  # it ended in the meantime: its page says how
    return visit.redirect(f"/apps/{visit.path_value('id')}/deployments/{visit.path_value('deployment')}")


PAGES = (
    Page("GET", "/apps/{id}/deployments/{deployment}", show),
    Page("GET", "/apps/{id}/deployments/{deployment}/events", follow),
    Page("POST", "/apps/{id}/deployments/{deployment}/cancellation", cancel),
)
