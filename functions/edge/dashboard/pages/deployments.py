"""The deployments of an application: list, start, promote, roll back, cancel. `deployment` has the page of one."""

from starlette.responses import Response

from functions.edge.dashboard.api import Json
from functions.edge.dashboard.pages.forms import whole_number
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit, gather


async def index(visit: Visit) -> Response:
    application_id = visit.path_value("id")
    application, deployments, releases = await gather(
        visit.call("deploy.application", applicationId=application_id),
        visit.call("deploy.deployments", applicationId=application_id, cursor=visit.query("cursor") or None),
        visit.call("deploy.releases", applicationId=application_id, limit="20"),
    )
    return visit.render("deployments.html", application=application, deployments=deployments, releases=releases["items"])


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


def _to(visit: Visit, accepted: Json) -> Response:
    return visit.redirect(f"/apps/{visit.path_value('id')}/deployments/{accepted['id']}")


PAGES = (
    Page("GET", "/apps/{id}/deployments", index),
    Page("POST", "/apps/{id}/deployments", start),
    Page("POST", "/apps/{id}/promotions", promote),
    Page("POST", "/apps/{id}/rollbacks", roll_back),
)
