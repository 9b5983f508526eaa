"""Logs, metrics and alerts."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem, Json
from functions.edge.dashboard.charts import line_chart
from functions.edge.dashboard.formats import parse_time
from functions.edge.dashboard.gantt import bars
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.stream import Event, stream_response
from functions.edge.dashboard.visit import Visit, gather

LINES, CONTEXT_LINES = "200", "500"
CONTEXT = timedelta(seconds=30)
"""Before and after the line whose context is shown, with at most CONTEXT_LINES each."""
FIRST = "0"
"""The position before all lines: to read on from the begin of a time."""
MOMENTS = range(2000, 9000)
"""Years of moments whose lines are shown."""
UNPROCESSABLE = 422
TAIL_SECONDS = 1.0
MAX_TAIL_SECONDS = 15 * 60
RANGES = {
    "1h": ("last hour", timedelta(hours=1), "minute", 60),
    "6h": ("last 6 hours", timedelta(hours=6), "5 minutes", 300),
    "24h": ("last 24 hours", timedelta(hours=24), "15 minutes", 900),
    "7d": ("last 7 days", timedelta(days=7), "hour", 3600),
}
"""Its label, its length, and the time of one point: in words and in seconds."""
"""Name → length, and seconds of a point."""
PLACE = ("environment", "component")
FILTERS = (*PLACE, "process", "search", "where")


def _log_filter(visit: Visit) -> dict[str, str]:
    return {name: visit.query(name) for name in FILTERS if visit.query(name)}


async def logs(visit: Visit) -> Response:
    """The newest lines that match, or those around a moment, of one environment and part.

    A condition that cannot be read is explained on the page.
    """
    application_id, around = visit.path_value("id"), _moment(visit.query("around"))
    chosen = {name: value for name, value in _log_filter(visit).items() if not around or name in PLACE}
    problem: ApiProblem | None = None
    application, environments = await gather(
        visit.call("deploy.application", applicationId=application_id), visit.call("deploy.environments", applicationId=application_id)
    )
    try:
        log = (
            await _around(visit, around, chosen) if around else await visit.call("monitor.logs", applicationId=application_id, limit=LINES, **chosen)
        )
    except ApiProblem as refused:
        if refused.status != UNPROCESSABLE:
            raise
        problem, log = refused, {"lines": [], "cursor": "0"}
    return visit.render(
        "logs.html",
        problem.status if problem else 200,
        application=application,
        environments=[each["name"] for each in environments["items"]],
        log=log,
        filter=chosen,
        around=around.isoformat() if around else "",
        problem=problem,
    )


async def _around(visit: Visit, moment: datetime, chosen: dict[str, str]) -> Json:
    """The last lines before a moment and the first ones from it on: however many there are, those of the moment are among them."""
    begin, middle, end = ((moment + offset).isoformat() for offset in (-CONTEXT, timedelta(0), CONTEXT))
    fields = {"applicationId": visit.path_value("id"), "limit": CONTEXT_LINES, **chosen}
    before, following = await gather(
        visit.call("monitor.logs", **fields, **{"from": begin, "to": middle}),
        visit.call("monitor.logs", **fields, **{"from": middle, "to": end}, after=FIRST),
    )
    return {**following, "lines": before["lines"] + following["lines"]}


def _moment(text: str) -> datetime | None:
    """A time with its zone; None for anything else, and far from now."""
    try:
        moment = parse_time(text)
    except ValueError:
        return None
    return moment if moment.tzinfo and moment.year in MOMENTS else None


async def tail(visit: Visit) -> Response:
    after = visit.request.headers.get("last-event-id") or visit.query("after") or None
    return stream_response(_tail(visit, after))


async def _tail(visit: Visit, after: str | None) -> AsyncIterator[Event]:
    async with asyncio.timeout(MAX_TAIL_SECONDS):
        while True:
            log = await visit.call("monitor.logs", applicationId=visit.path_value("id"), after=after, limit="1000", **_log_filter(visit))
            if log["lines"]:
                after = log["cursor"]
                yield Event("lines", visit.fragment("log_lines.html", lines=log["lines"], has_environment=True), after)
            await asyncio.sleep(TAIL_SECONDS)


async def metrics(visit: Visit) -> Response:
    application_id = visit.path_value("id")
    name = visit.query("range") if visit.query("range") in RANGES else "1h"
    _, length, point, step = RANGES[name]
    environment = visit.query("environment") or None
    begin = (visit.now - length).isoformat()
    application, environments, view = await gather(
        visit.call("deploy.application", applicationId=application_id),
        visit.call("deploy.environments", applicationId=application_id),
        visit.call("monitor.metrics", applicationId=application_id, environment=environment, step=str(step), **{"from": begin}),
    )
    points = view["points"]
    charts = [
        line_chart("Requests", f"per {point}", points, view["markers"], {"requests": lambda point: point["requests"]}),
        line_chart("Errors", "% of requests answered with 5xx", points, view["markers"], {"errors": lambda point: (point["errorRate"] or 0) * 100}),
        line_chart(
            "Latency", "ms", points, view["markers"],
            {"p50": lambda point: point["p50LatencyMs"], "p95": lambda point: point["p95LatencyMs"], "p99": lambda point: point["p99LatencyMs"]},
        ),
        line_chart("CPU", f"seconds per {point}", points, view["markers"], {"cpu": lambda point: point["cpuMilliseconds"] / 1000}),
        line_chart("Memory", "MiB, highest", points, view["markers"], {"memory": lambda point: _mib(point["memoryMaxBytes"])}),
    ]  # fmt: skip
    return visit.render(
        "metrics.html",
        application=application,
        environments=[each["name"] for each in environments["items"]],
        environment=environment,
        range=name,
        ranges={name: label for name, (label, *_) in RANGES.items()},
        view=view,
        charts=charts,
    )


def _mib(size: int | None) -> float | None:
    return None if size is None else size / 2**20


async def alerts(visit: Visit) -> Response:
    page = await visit.call("monitor.alerts", state=visit.query("state") or None, cursor=visit.query("cursor") or None)
    return visit.render("alerts.html", alerts=page, state=visit.query("state"))


async def acknowledge(visit: Visit) -> Response:
    await visit.form()
    await visit.call("monitor.acknowledge_alert", alertId=visit.path_value("alert"))
    return visit.redirect("/alerts", done="acknowledged")


async def timeline(visit: Visit) -> Response:
    view = await visit.call("monitor.timeline", correlationId=visit.path_value("correlation"))
    return visit.render("timeline.html", timeline=view, entries=bars(view["entries"]))


PAGES = (
    Page("GET", "/apps/{id}/logs", logs),
    Page("GET", "/apps/{id}/logs/events", tail),
    Page("GET", "/apps/{id}/metrics", metrics),
    Page("GET", "/alerts", alerts),
    Page("POST", "/alerts/{alert}/acknowledgement", acknowledge),
    Page("GET", "/timeline/{correlation}", timeline),
)
