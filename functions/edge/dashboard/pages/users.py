"""Users of the installation, for its administrators: find, suspend and unlock them."""

from typing import Any

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.pages.forms import submit
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit

USERS = "/operations/users"


async def index(visit: Visit) -> Response:
    chosen = {"search": visit.query("search").strip(), "suspended": "true" if visit.query("suspended") else ""}
    parameters = {name: value for name, value in chosen.items() if value}
    page = await visit.call("auth.users", limit="50", cursor=visit.query("cursor") or None, **parameters)
    return visit.render("operations/users.html", page=page, filter=chosen)


async def show(visit: Visit) -> Response:
    return await _user(visit)


async def _user(visit: Visit, problem: ApiProblem | None = None) -> Response:
    user = await visit.call("auth.user", userId=visit.path_value("user"))
    reason = (await visit.form()).get("reason", "") if problem else ""
    return visit.render("operations/user.html", problem.status if problem else 200, user=user, reason=reason, problem=problem)


async def suspend(visit: Visit) -> Response:
    return await _change(visit, "user-suspended", "auth.suspend_user", reason=(await visit.form()).get("reason", ""))


async def unsuspend(visit: Visit) -> Response:
    return await _change(visit, "user-unsuspended", "auth.unsuspend_user")


async def unlock(visit: Visit) -> Response:
    return await _change(visit, "user-unlocked", "auth.unlock_user")


async def remove_second_factor(visit: Visit) -> Response:
    return await _change(visit, "second-factor-removed", "auth.remove_second_factor")


async def _change(visit: Visit, done: str, function: str, **fields: Any) -> Response:
    user_id = visit.path_value("user")
    return await submit(visit, _user, f"{USERS}/{user_id}", done, function, userId=user_id, **fields)


PAGES = (
    Page("GET", USERS, index),
    Page("GET", "/operations/users/{user}", show),
    Page("POST", "/operations/users/{user}/suspension", suspend),
    Page("POST", "/operations/users/{user}/suspension/end", unsuspend),
    Page("POST", "/operations/users/{user}/lock/end", unlock),
    Page("POST", "/operations/users/{user}/second-factor/removal", remove_second_factor),
)
