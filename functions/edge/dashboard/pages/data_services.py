"""Data services of an application: what it has, create a database or a Redis, bind, rotate, delete and restore one."""

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
        visit.call("deploy.data_services", applicationId=application_id),
    )
    return visit.render(
        "services.html",
        problem.status if problem else 200,
        application=application,
        environments=[each["name"] for each in environments["items"]],
        services=page["items"],
        name=visit.sent.get("name", ""),
        problem=problem,
    )


async def show_one(visit: Visit) -> Response:
    application, service, metrics, log = await gather(
        visit.call("deploy.application", applicationId=visit.path_value("id")),
        visit.call("deploy.data_service", **_ids(visit)),
        visit.call("deploy.data_service_metrics", **_ids(visit)),
        visit.call("deploy.data_service_logs", **_ids(visit)),
    )
    return visit.render("service.html", application=application, service=service, metrics=metrics, lines=log["lines"])


async def create(visit: Visit) -> Response:
    form = await visit.form()
    name, url = form.get("name", ""), form.get("url", "")
    if url:
        fields = {"applicationId": visit.path_value("id"), "name": name, "url": url}
        return await submit(visit, _page, _path(visit), "service-added", "deploy.add_external_data_service", **fields)
    fields = {"applicationId": visit.path_value("id"), "name": name, "kind": form.get("kind", "") or "postgres"}
    if plan := form.get("plan", ""):
        fields["plan"] = plan
    return await submit(visit, _page, _path(visit), "service-requested", "deploy.create_data_service", **fields)


async def bind(visit: Visit) -> Response:
    form = await visit.form()
    variable = form.get("variable", "")
    fields = {**_ids(visit), "environment": form.get("environment", ""), **({"variable": variable} if variable else {})}
    return await submit(visit, _page, _path(visit), "service-bound", "deploy.bind_data_service", **fields)


async def unbind(visit: Visit) -> Response:
    fields = {**_ids(visit), "environment": visit.path_value("environment")}
    return await submit(visit, _page, _path(visit), "service-unbound", "deploy.unbind_data_service", **fields)


async def rotate(visit: Visit) -> Response:
    return await submit(visit, _page, _path(visit), "service-rotated", "deploy.rotate_data_service", **_ids(visit))


async def scale(visit: Visit) -> Response:
    plan = (await visit.form()).get("plan", "")
    return await submit(visit, _page, _path(visit), "service-scaling", "deploy.scale_data_service", **_ids(visit), plan=plan)


async def delete(visit: Visit) -> Response:
    return await submit(visit, _page, _path(visit), "service-deleted", "deploy.delete_data_service", **_ids(visit))


async def undelete(visit: Visit) -> Response:
    return await submit(visit, _page, _path(visit), "service-restored", "deploy.undelete_data_service", **_ids(visit))


def _ids(visit: Visit) -> dict[str, str]:
    return {"applicationId": visit.path_value("id"), "serviceId": visit.path_value("service")}


def _path(visit: Visit) -> str:
    return f"/apps/{visit.path_value('id')}/services"


PAGES = (
    Page("GET", "/apps/{id}/services", show),
    Page("POST", "/apps/{id}/services", create),
    Page("GET", "/apps/{id}/services/{service}", show_one),
    Page("POST", "/apps/{id}/services/{service}/bindings", bind),
    Page("POST", "/apps/{id}/services/{service}/bindings/{environment}/deletion", unbind),
    Page("POST", "/apps/{id}/services/{service}/rotation", rotate),
    Page("POST", "/apps/{id}/services/{service}/plan", scale),
    Page("POST", "/apps/{id}/services/{service}/deletion", delete),
    Page("POST", "/apps/{id}/services/{service}/restoration", undelete),
)
