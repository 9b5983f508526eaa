"""Environments: create, scale, restart, stop, start, maintenance, delete."""

from typing import Any

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.pages.forms import whole_number
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Form, Visit

SIZES = (
    *("minScale", "maxScale", "memoryMib", "cpuMillis", "observationSeconds"),
    *("scaleTarget", "scaleWindowSeconds", "scaleDownDelaySeconds", "initialScale"),
)
SOURCES = ("redisList", "redisStream", "rabbitmqQueue", "query", "path")
"""Where the length of a queue is read."""
ACTIONS = {"restart": "deploy.restart_environment", "start": "deploy.start_environment", "stop": "deploy.stop_environment"}
"""Last segment of the path → the function that it calls."""


async def create(visit: Visit) -> Response:
    form = await visit.form()
    await visit.call("deploy.create_environment", applicationId=visit.path_value("id"), name=form.get("name", ""))
    return _overview(visit, "environment-created")


async def scale(visit: Visit) -> Response:
    await visit.call("deploy.scale_environment", **_target(visit), **_sizes(await visit.form()))
    return _overview(visit, "scaled")


async def scale_process(visit: Visit) -> Response:
    form = await visit.form()
    change = {"autoscaling": _autoscaling(form)} if form.get("metric") else {"instances": whole_number(form.get("instances", ""))}
    await visit.call("deploy.scale_processes", **_target(visit), processes={form.get("process", ""): change})
    return _overview(visit, "scaled")


def _autoscaling(form: Form) -> dict[str, Any]:
    """Return a range by one metric. The place of a queue counts for a queue only."""
    low, high, target = (whole_number(form.get(name, "")) for name in ("minInstances", "maxInstances", "target"))
    metric: dict[str, Any] = {"type": form["metric"], "target": target}
    if form["metric"] == "queue":
        texts = {form.get("source", ""): form.get("place", ""), "variable": form.get("variable", ""), "value": form.get("value", "")}
        metric |= {name: text for name, text in texts.items() if name in (*SOURCES, "variable", "value") and text}
    return {"minInstances": low, "maxInstances": high, "metrics": [metric]}


def _sizes(form: Form) -> dict[str, int | str]:
    metric = {"scaleMetric": form["scaleMetric"]} if form.get("scaleMetric") and form.get("scaleTarget") else {}
    return {**{name: whole_number(form[name]) for name in SIZES if form.get(name)}, **metric}


async def act(visit: Visit) -> Response:
    await visit.form()
    action = visit.path.rsplit("/", 1)[-1]
    accepted = await visit.call(ACTIONS[action], **_target(visit))
    if action == "stop":
        return _overview(visit, "stopped")
    return visit.redirect(f"/apps/{visit.path_value('id')}/deployments/{accepted['id']}")


async def delete(visit: Visit) -> Response:
    """Irreversible: its name must be typed. Raises ApiProblem."""
    form, name = await visit.form(), visit.path_value("environment")
    if form.get("name") != name:
        raise ApiProblem(422, "The name does not match", f'Type "{name}" to delete the environment. Nothing was changed.')
    await visit.call("deploy.delete_environment", **_target(visit))
    return _overview(visit, "environment-deleted")


async def start_maintenance(visit: Visit) -> Response:
    form = await visit.form()
    fields = {"message": form.get("message") or None, **_number(form, "retryAfterSeconds")}
    await visit.call("deploy.start_maintenance", **_target(visit), **fields)
    return _overview(visit, "maintenance-started")


async def end_maintenance(visit: Visit) -> Response:
    await visit.form()
    await visit.call("deploy.end_maintenance", **_target(visit))
    return _overview(visit, "maintenance-ended")


def _number(form: Form, name: str) -> dict[str, int | str]:
    return {name: whole_number(form[name])} if form.get(name) else {}


def _target(visit: Visit) -> dict[str, str]:
    return {"applicationId": visit.path_value("id"), "environment": visit.path_value("environment")}


def _overview(visit: Visit, done: str) -> Response:
    return visit.redirect(f"/apps/{visit.path_value('id')}", done=done)


PAGES = (
    Page("POST", "/apps/{id}/environments", create),
    Page("POST", "/apps/{id}/environments/{environment}/scale", scale),
    Page("POST", "/apps/{id}/environments/{environment}/processes", scale_process),
    *(Page("POST", f"/apps/{{id}}/environments/{{environment}}/{action}", act) for action in ACTIONS),
    Page("POST", "/apps/{id}/environments/{environment}/maintenance", start_maintenance),
    Page("POST", "/apps/{id}/environments/{environment}/maintenance/end", end_maintenance),
    Page("POST", "/apps/{id}/environments/{environment}/delete", delete),
)
