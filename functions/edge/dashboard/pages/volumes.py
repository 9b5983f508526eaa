"""Volumes of an application: create, attach, resize, delete and restore one; its snapshots."""

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.pages.forms import submit, whole_number
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit, gather


async def show(visit: Visit) -> Response:
    return await _page(visit)


async def _page(visit: Visit, problem: ApiProblem | None = None) -> Response:
    application_id = visit.path_value("id")
    application, page = await gather(
        visit.call("deploy.application", applicationId=application_id),
        visit.call("deploy.volumes", applicationId=application_id),
    )
    values = {name: visit.sent.get(name, "") for name in ("name", "sizeMib")}
    return visit.render(
        "volumes.html", problem.status if problem else 200, application=application, volumes=page["items"], values=values, problem=problem
    )


async def show_one(visit: Visit) -> Response:
    return await _one(visit)


async def _one(visit: Visit, problem: ApiProblem | None = None) -> Response:
    application, environments, volume, snapshots = await gather(
        visit.call("deploy.application", applicationId=visit.path_value("id")),
        visit.call("deploy.environments", applicationId=visit.path_value("id")),
        visit.call("deploy.volume", **_ids(visit)),
        visit.call("deploy.volume_snapshots", **_ids(visit)),
    )
    return visit.render(
        "volume.html",
        problem.status if problem else 200,
        application=application,
        environments=[each["name"] for each in environments["items"]],
        volume=volume,
        snapshots=snapshots["items"],
        values={name: visit.sent.get(name, "") for name in ("mountPath", "processes", "sizeMib")},
        problem=problem,
    )


async def create(visit: Visit) -> Response:
    form = await visit.form()
    size = {"sizeMib": whole_number(form["sizeMib"])} if form.get("sizeMib") else {}
    fields = {"applicationId": visit.path_value("id"), "name": form.get("name", ""), **size}
    return await submit(visit, _page, _path(visit), "volume-requested", "deploy.create_volume", **fields)


async def attach(visit: Visit) -> Response:
    form = await visit.form()
    place = {"environment": form.get("environment", ""), "mountPath": form.get("mountPath", ""), "processes": form.get("processes", "").split()}
    return await submit(visit, _one, _path_of_one(visit), "volume-attached", "deploy.attach_volume", **_ids(visit), **place)


async def detach(visit: Visit) -> Response:
    return await submit(visit, _one, _path_of_one(visit), "volume-detached", "deploy.detach_volume", **_ids(visit))


async def resize(visit: Visit) -> Response:
    form = await visit.form()
    size = whole_number(form.get("sizeMib", ""))
    return await submit(visit, _one, _path_of_one(visit), "volume-resized", "deploy.resize_volume", **_ids(visit), sizeMib=size)


async def take_snapshot(visit: Visit) -> Response:
    return await submit(visit, _one, _path_of_one(visit), "snapshot-requested", "deploy.create_volume_snapshot", **_ids(visit))


async def restore(visit: Visit) -> Response:
    """Into the volume itself, or into a new one that the form names."""
    into = (await visit.form()).get("into", "")
    fields = {**_ids(visit), "snapshotId": visit.path_value("snapshot"), **({"into": into} if into else {})}
    then, done = (_path(visit), "volume-requested") if into else (_path_of_one(visit), "volume-restored")
    return await submit(visit, _one, then, done, "deploy.restore_volume", **fields)


async def delete_snapshot(visit: Visit) -> Response:
    fields = {**_ids(visit), "snapshotId": visit.path_value("snapshot")}
    return await submit(visit, _one, _path_of_one(visit), "snapshot-deleted", "deploy.delete_volume_snapshot", **fields)


async def delete(visit: Visit) -> Response:
    return await submit(visit, _page, _path(visit), "volume-deleted", "deploy.delete_volume", **_ids(visit))


async def undelete(visit: Visit) -> Response:
    return await submit(visit, _page, _path(visit), "volume-undeleted", "deploy.undelete_volume", **_ids(visit))


def _ids(visit: Visit) -> dict[str, str]:
    return {"applicationId": visit.path_value("id"), "volumeId": visit.path_value("volume")}


def _path(visit: Visit) -> str:
    return f"/apps/{visit.path_value('id')}/volumes"


def _path_of_one(visit: Visit) -> str:
    return f"{_path(visit)}/{visit.path_value('volume')}"


PAGES = (
    Page("GET", "/apps/{id}/volumes", show),
    Page("POST", "/apps/{id}/volumes", create),
    Page("GET", "/apps/{id}/volumes/{volume}", show_one),
    Page("POST", "/apps/{id}/volumes/{volume}/attachment", attach),
    Page("POST", "/apps/{id}/volumes/{volume}/detachment", detach),
    Page("POST", "/apps/{id}/volumes/{volume}/size", resize),
    Page("POST", "/apps/{id}/volumes/{volume}/snapshots", take_snapshot),
    Page("POST", "/apps/{id}/volumes/{volume}/snapshots/{snapshot}/restoration", restore),
    Page("POST", "/apps/{id}/volumes/{volume}/snapshots/{snapshot}/deletion", delete_snapshot),
    Page("POST", "/apps/{id}/volumes/{volume}/deletion", delete),
    Page("POST", "/apps/{id}/volumes/{volume}/restoration", undelete),
)
