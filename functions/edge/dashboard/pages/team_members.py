"""A member of a team: the role, grants in applications, removal."""

from typing import Any

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem, Json
from functions.edge.dashboard.pages.forms import submit
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.pages.teams import load, path_of, roles_to_give
from functions.edge.dashboard.visit import Form, Visit, gather, permitted
from functions.kernel import PROTECTED_ENVIRONMENTS

GRANT = "grant:"
"""Before the id of an application, and `:environment`, in the name of a checkbox."""
MAX_LOOKED_UP = 20
"""Applications whose environments are looked up; of others, the protected ones and those of the grants are offered."""
NOBODY = ApiProblem(404, "The team has no such member", "The team's page lists its members.")


async def show(visit: Visit) -> Response:
    return await _member(visit)


async def _member(visit: Visit, problem: ApiProblem | None = None) -> Response:
    loaded, listed = await gather(load(visit), permitted(visit.call("deploy.applications", teamId=visit.path_value("team"), limit="100")))
    member = next((each for each in loaded["members"] if each["userId"] == visit.path_value("user")), None)
    if member is None:
        raise NOBODY
    applications = listed["items"] if listed else []
    environments = await gather(*(permitted(visit.call("deploy.environments", applicationId=each["id"])) for each in applications[:MAX_LOOKED_UP]))
    names = {each["id"]: [one["name"] for one in found["items"]] for each, found in zip(applications, environments, strict=False) if found}
    return visit.render(
        "teams/member.html",
        problem.status if problem else 200,
        **loaded,
        member=member,
        roles=roles_to_give(loaded["allowed"]),
        choices=[grant_choice(each, names.get(each["id"], []), member["grants"]) for each in applications],
        problem=problem,
    )


def grant_choice(application: Json, environments: list[str], grants: list[Json]) -> Json:
    """An application with the environments that a grant can name, and which of both are granted."""
    granted = {each["environment"] for each in grants if each["applicationId"] == application["id"]}
    offered = sorted({*environments, *PROTECTED_ENVIRONMENTS, *(each for each in granted if each)})
    field = f"{GRANT}{application['id']}"
    return {
        "name": application["name"],
        "field": field,
        "isGranted": None in granted,
        "environments": [{"name": each, "field": f"{field}:{each}", "isGranted": each in granted} for each in offered],
    }


def chosen_grants(form: Form) -> list[dict[str, Any]]:
    """The grants of the checked boxes."""
    chosen = (name.removeprefix(GRANT).partition(":") for name in form if name.startswith(GRANT))
    return [{"applicationId": application, "environment": environment or None} for application, _, environment in chosen]


async def change_role(visit: Visit) -> Response:
    return await _change(visit, "auth.change_member_role", role=(await visit.form()).get("role", ""))


async def set_grants(visit: Visit) -> Response:
    return await _change(visit, "auth.set_member_grants", grants=chosen_grants(await visit.form()))


async def _change(visit: Visit, function: str, **fields: Any) -> Response:
    team_id, user_id = visit.path_value("team"), visit.path_value("user")
    return await submit(visit, _member, f"{path_of(visit)}/members/{user_id}", "saved", function, teamId=team_id, userId=user_id, **fields)


async def remove(visit: Visit) -> Response:
    fields = {"teamId": visit.path_value("team"), "userId": visit.path_value("user")}
    return await submit(visit, _member, path_of(visit), "member-removed", "auth.remove_member", **fields)


PAGES = (
    Page("GET", "/teams/{team}/members/{user}", show),
    Page("POST", "/teams/{team}/members/{user}/role", change_role),
    Page("POST", "/teams/{team}/members/{user}/grants", set_grants),
    Page("POST", "/teams/{team}/members/{user}/removal", remove),
)
