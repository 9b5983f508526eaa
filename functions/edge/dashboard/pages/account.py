"""The account: profile and password."""

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit


async def show(visit: Visit) -> Response:
    return await _page(visit, None)


async def _page(visit: Visit, problem: ApiProblem | None) -> Response:
    profile = await visit.call("auth.profile")
    return visit.render("account.html", problem.status if problem else 200, profile=profile, problem=problem)


async def change_password(visit: Visit) -> Response:
    form = await visit.form()
    try:
        await visit.call("auth.change_password", currentPassword=form.get("currentPassword", ""), password=form.get("password", ""))
    except ApiProblem as problem:
        return await _page(visit, problem)
    return visit.redirect("/account", done="password-changed")


PAGES = (Page("GET", "/account", show), Page("POST", "/account/password", change_password))
