"""Backups of a data service: what there is, back up now, when and how long, restore and delete one."""

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.pages.forms import submit, whole_number
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit, gather


async def show(visit: Visit) -> Response:
    return await _page(visit)


async def _page(visit: Visit, problem: ApiProblem | None = None) -> Response:
    application, service, backups, policy = await gather(
        visit.call("deploy.application", applicationId=visit.path_value("id")),
        visit.call("deploy.data_service", **_ids(visit)),
        visit.call("deploy.service_backups", **_ids(visit)),
        visit.call("deploy.backup_policy", **_ids(visit)),
    )
    stored = {"schedule": policy["schedule"] or "", "keepCount": policy["keepCount"], "keepDays": policy["keepDays"]}
    return visit.render(
        "service_backups.html",
        problem.status if problem else 200,
        application=application,
        service=service,
        backups=backups["items"],
        policy=policy,
        values={name: visit.sent.get(name, value) for name, value in stored.items()},
        problem=problem,
    )


async def create(visit: Visit) -> Response:
    return await submit(visit, _page, _path(visit), "backup-requested", "deploy.create_service_backup", **_ids(visit))


async def set_policy(visit: Visit) -> Response:
    form = await visit.form()
    kept = {"keepCount": whole_number(form.get("keepCount", "")), "keepDays": whole_number(form.get("keepDays", ""))}
    fields = {**_ids(visit), "schedule": form.get("schedule") or None, **kept}
    return await submit(visit, _page, _path(visit), "backup-policy", "deploy.set_backup_policy", **fields)


async def restore(visit: Visit) -> Response:
    """Into the service itself, or into a new one that the form names."""
    into = (await visit.form()).get("into", "")
    fields = {**_ids(visit), "backupId": visit.path_value("backup"), **({"into": into} if into else {})}
    then, done = (f"/apps/{visit.path_value('id')}/services", "service-requested") if into else (_path(visit), "restore-requested")
    return await submit(visit, _page, then, done, "deploy.restore_data_service", **fields)


async def delete(visit: Visit) -> Response:
    fields = {**_ids(visit), "backupId": visit.path_value("backup")}
    return await submit(visit, _page, _path(visit), "backup-deleted", "deploy.delete_service_backup", **fields)


def _ids(visit: Visit) -> dict[str, str]:
    return {"applicationId": visit.path_value("id"), "serviceId": visit.path_value("service")}


def _path(visit: Visit) -> str:
    return f"/apps/{visit.path_value('id')}/services/{visit.path_value('service')}/backups"


PAGES = (
    Page("GET", "/apps/{id}/services/{service}/backups", show),
    Page("POST", "/apps/{id}/services/{service}/backups", create),
    Page("POST", "/apps/{id}/services/{service}/backup-policy", set_policy),
    Page("POST", "/apps/{id}/services/{service}/backups/{backup}/restoration", restore),
    Page("POST", "/apps/{id}/services/{service}/backups/{backup}/deletion", delete),
)
