"""Addresses that get no e-mails, for administrators: list them, and send to them again."""

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.pages.forms import submit
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit

SUPPRESSIONS = "/operations/email-suppressions"


async def index(visit: Visit) -> Response:
    return await _index(visit)


async def _index(visit: Visit, problem: ApiProblem | None = None) -> Response:
    search = visit.query("search").strip()
    page = await visit.call("auth.email_suppressions", search=search, limit="50", cursor=visit.query("cursor") or None)
    status = problem.status if problem else 200
    return visit.render("operations/email_suppressions.html", status, page=page, filter={"search": search}, problem=problem)


async def lift(visit: Visit) -> Response:
    address = (await visit.form()).get("address", "")
    return await submit(visit, _index, SUPPRESSIONS, "suppression-lifted", "auth.lift_suppression", address=address)


PAGES = (Page("GET", SUPPRESSIONS, index), Page("POST", f"{SUPPRESSIONS}/lifting", lift))
