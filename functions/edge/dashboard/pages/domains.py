"""Domains of an application: add one, check its DNS records, change the redirect and HSTS, upload a certificate, remove it."""

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.pages.forms import submit
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit, gather

YEAR_SECONDS = 31_536_000


async def show(visit: Visit) -> Response:
    return await _page(visit)


async def _page(visit: Visit, problem: ApiProblem | None = None) -> Response:
    application_id = visit.path_value("id")
    application, environments, domains = await gather(
        visit.call("deploy.application", applicationId=application_id),
        visit.call("deploy.environments", applicationId=application_id),
        visit.call("deploy.domains", applicationId=application_id),
    )
    return visit.render(
        "domains.html",
        problem.status if problem else 200,
        application=application,
        environments=[each["name"] for each in environments["items"]],
        domains=domains["items"],
        values={"host": visit.sent.get("host", "")},
        problem=problem,
    )


async def add(visit: Visit) -> Response:
    form = await visit.form()
    fields = {"applicationId": visit.path_value("id"), "environment": form.get("environment", ""), "host": form.get("host", "")}
    return await submit(visit, _page, _path(visit), "domain-added", "deploy.add_domain", **fields)


async def check(visit: Visit) -> Response:
    return await submit(visit, _page, _path(visit), "domain-checked", "deploy.check_domain", **_target(visit))


async def change(visit: Visit) -> Response:
    form = await visit.form()
    settings = {"redirects": form.get("redirects") == "on", "hstsSeconds": YEAR_SECONDS if form.get("hsts") == "on" else None}
    return await submit(visit, _page, _path(visit), "domain-changed", "deploy.change_domain", **_target(visit), **settings)


async def certificate(visit: Visit) -> Response:
    form = await visit.form()
    pair = {"certificate": form.get("certificate", ""), "key": form.get("key", "")}
    return await submit(visit, _page, _path(visit), "domain-certificate", "deploy.set_domain_certificate", **_target(visit), **pair)


async def delete_certificate(visit: Visit) -> Response:
    return await submit(visit, _page, _path(visit), "domain-certificate-deleted", "deploy.delete_domain_certificate", **_target(visit))


async def remove(visit: Visit) -> Response:
    return await submit(visit, _page, _path(visit), "domain-removed", "deploy.remove_domain", **_target(visit))


def _target(visit: Visit) -> dict[str, str]:
    return {"applicationId": visit.path_value("id"), "host": visit.path_value("host")}


def _path(visit: Visit) -> str:
    return f"/apps/{visit.path_value('id')}/domains"


PAGES = (
    Page("GET", "/apps/{id}/domains", show),
    Page("POST", "/apps/{id}/domains", add),
    Page("POST", "/apps/{id}/domains/{host}/check", check),
    Page("POST", "/apps/{id}/domains/{host}/change", change),
    Page("POST", "/apps/{id}/domains/{host}/certificate", certificate),
    Page("POST", "/apps/{id}/domains/{host}/certificate/delete", delete_certificate),
    Page("POST", "/apps/{id}/domains/{host}/remove", remove),
)
