"""A repository before it is an application: what its build would do."""

from urllib.parse import urlencode

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem, Json
from functions.edge.dashboard.pages.applications import TEXT_SETTINGS, render_new
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Form, Visit

INSPECTED = ("repository", "branch", "directory", "builder", "buildCommand", "startCommand", "releaseCommand")
"""Fields of a new application that an inspection reads, and knows afterwards."""
CARRIED = ("name", *(name for name in TEXT_SETTINGS if name not in INSPECTED and name != "image"))
"""Its other fields: the address of the result carries them."""


async def start(visit: Visit) -> Response:
    form = await visit.form()
    fields = {name: form[name] for name in INSPECTED if form.get(name)}
    try:
        accepted = await visit.call(
            "deploy.inspect_repository",
            teamId=form.get("team") or None,
            token=form.get("secretToken") or None,
            **{"repository": "", **fields},
        )
    except ApiProblem as problem:
        return await render_new(visit, form, problem)
    carried = urlencode({name: form[name] for name in CARRIED if form.get(name)})
    return visit.redirect(f"/new/inspections/{accepted['id']}{'?' if carried else ''}{carried}")


async def show(visit: Visit) -> Response:
    """While it runs, a page that loads itself again: with a script, and without."""
    inspection = await visit.call("deploy.inspection", inspectionId=visit.path_value("id"))
    values = _values(visit, inspection)
    if inspection["state"] == "running":
        return visit.render("inspecting.html", inspection=inspection, back=f"/new?{urlencode(values)}")
    return await render_new(visit, values, None, inspection)


def _values(visit: Visit, inspection: Json) -> Form:
    inspected = {name: inspection[name] for name in INSPECTED if inspection[name] not in (None, "auto")}
    return {**{name: visit.query(name) for name in CARRIED if visit.query(name)}, **inspected}


PAGES = (
    Page("POST", "/new/inspections", start),
    Page("GET", "/new/inspections/{id}", show),
)
