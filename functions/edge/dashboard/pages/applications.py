"""The list of applications, a new application, and the overview of one."""

from typing import Any

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem, Json
from functions.edge.dashboard.pages.forms import whole_number
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.pages.team_choice import TeamChoice
from functions.edge.dashboard.visit import ALL_TEAMS, Form, Visit, gather, optional, permitted
from functions.kernel import Permission

TEXT_SETTINGS = ("repository", "image", "branch", "directory", "builder", "buildCommand", "startCommand", "releaseCommand", "healthPath", "port")
KINDS = {
    **{"python": "Python", "node": "Node.js", "go": "Go", "ruby": "Ruby", "php": "PHP", "java": "Java"},
    **{"static": "Static site", "procfile": "Its own start command", "dockerfile": "Dockerfile"},
}
TOOLS = {**KINDS, "maven": "Maven", "gradle": "Gradle", "bundler": "Bundler", "composer": "Composer", "poetry": "Poetry", "pipenv": "Pipenv"}
FIRST = ("staging", "production")
"""Environments in the order of a release's way; others follow by name."""
MAX_SHOWN = 20
"""How many applications the first page shows with their state; it lists the others by name."""

FIRST_CALLS = ("auth.permissions", "deploy.applications", "monitor.alerts", "deploy.quota", "billing.current_bill")
"""Of the first page."""


async def home(visit: Visit) -> Response:
    """The applications of all teams, or of the chosen one; its quota and bill, or those of the personal team."""
    team_id = visit.team_id
    permissions, listed, alerts, quota, bill = await gather(
        visit.call("auth.permissions"),
        permitted(visit.call("deploy.applications", limit="100", teamId=team_id)),
        optional(visit.call("monitor.alerts", state="firing")),
        optional(visit.call("deploy.quota", teamId=team_id)),
        optional(visit.call("billing.current_bill", teamId=team_id, limit="0")),
    )
    choice = TeamChoice.of(visit, permissions)
    if team_id and not choice.chosen:
        return visit.redirect("/", team=ALL_TEAMS)  # the choice of an earlier membership, or of another user of this browser
    summaries = listed["items"] if listed else []
    views = await gather(*(optional(visit.call("deploy.application", applicationId=each["id"])) for each in summaries[:MAX_SHOWN]))
    details = {view["id"]: view for view in views if view}
    firing = alerts["items"] if alerts else []
    return visit.render("home.html", choice=choice, summaries=summaries, details=details, alerts=firing, quota=quota, bill=bill)


async def new_form(visit: Visit) -> Response:
    """The address may fill the form: the way back from an inspection does."""
    return await render_new(visit, {name: visit.query(name) for name in ("name", *TEXT_SETTINGS) if visit.query(name)}, None)


async def render_new(visit: Visit, values: Form, problem: ApiProblem | None, inspection: Json | None = None) -> Response:
    """The form of a new application with what was entered, what is wrong with it, and the plan of its repository."""
    choice = TeamChoice.of(visit, await visit.call("auth.permissions"))
    teams = choice.with_permission(Permission.APP_CREATE)
    return visit.render(
        "new.html",
        problem.status if problem else 200,
        teams=teams,
        team_id=visit.team_id,
        values=values,
        problem=problem,
        inspection=inspection,
        kinds=KINDS,
        tools=TOOLS,
    )


async def create(visit: Visit) -> Response:
    form = await visit.form()
    try:
        application = await visit.call("deploy.create_application", name=form.get("name", ""), teamId=form.get("team") or None, **_given(form))
    except ApiProblem as problem:
        return await render_new(visit, form, problem)
    return visit.redirect(f"/apps/{application['id']}", done="created")


def _given(form: Form) -> dict[str, Any]:
    return {name: whole_number(form[name]) if name == "port" else form[name] for name in TEXT_SETTINGS if form.get(name)}


async def overview(visit: Visit) -> Response:
    application_id = visit.path_value("id")
    application, environments, deployments, instances = await gather(
        visit.call("deploy.application", applicationId=application_id),
        visit.call("deploy.environments", applicationId=application_id),
        visit.call("deploy.deployments", applicationId=application_id, limit="8"),
        optional(visit.call("deploy.instances", applicationId=application_id)),
    )
    return visit.render(
        "overview.html",
        application=application,
        environments=merge(environments["items"], application["environments"], instances["items"] if instances else []),
        deployments=deployments["items"],
    )


PACE = ("scaleMetric", "scaleTarget", "scaleWindowSeconds", "scaleDownDelaySeconds", "initialScale")
"""By what `web` scales, and how fast; known of an environment to which something is deployed."""


def merge(environments: list[Json], deployed: list[Json], running: list[Json]) -> list[Json]:
    """Return the environments, each with what serves in it (`deployed`, None before the first deployment) and its `instances`."""
    by_name = {each["name"]: each for each in deployed}
    found = {each["name"]: each for each in running}
    merged = [
        {
            **each,
            "deployed": by_name.get(each["name"]),
            "instances": found[each["name"]]["instances"] if each["name"] in found else None,
            "processes": found[each["name"]]["processes"] if each["name"] in found else [],
            **{name: found[each["name"]][name] for name in PACE if each["name"] in found},
        }
        for each in environments
    ]
    return sorted(merged, key=lambda each: (FIRST.index(each["name"]) if each["name"] in FIRST else len(FIRST), each["name"]))


PAGES = (
    Page("GET", "/", home, calls=FIRST_CALLS),
    Page("GET", "/new", new_form),
    Page("POST", "/new", create),
    Page("GET", "/apps/{id}", overview),
)
