"""Variables and secrets of all environments or of one: changes are saved first, compared with what runs, and then released."""

from io import StringIO
from typing import Any

from dotenv.parser import parse_stream
from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem, Json
from functions.edge.dashboard.pages.forms import respond_refused
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.pages.undo import Undo
from functions.edge.dashboard.visit import Form, Visit, gather

ALL = ""
"""The scope of the configuration that all environments share."""
MAX_COMPARED = 8
"""Environments whose releases are compared on the page of all environments."""


async def show(visit: Visit) -> Response:
    return await _page(visit)


async def _page(visit: Visit, problem: ApiProblem | None = None) -> Response:
    """After a refused form: the scope and the values of the form."""
    application_id = visit.path_value("id")
    form: Form = await visit.form() if problem else {}
    environment = form.get("environment", visit.query("environment"))
    application, environments, configuration = await gather(
        visit.call("deploy.application", applicationId=application_id),
        visit.call("deploy.environments", applicationId=application_id),
        visit.call("deploy.environment_configuration", applicationId=application_id, environment=environment)
        if environment
        else visit.call("deploy.application_configuration", applicationId=application_id),
    )
    names = [each["name"] for each in environments["items"]]
    return visit.render(
        "configuration.html",
        problem.status if problem else 200,
        application=application,
        environments=names,
        idle=_idle(environments),
        environment=environment,
        configuration=configuration,
        pending=await _pending(visit, {environment: configuration} if environment else dict.fromkeys(_deployed(application, names))),
        values=form,
        problem=problem,
    )


def _idle(environments: Json) -> dict[str, str]:
    """The environments that run nothing, and why. They get the newest configuration when they run again."""
    return {each["name"]: "stopped" if each["stoppedAt"] else "paused" for each in environments["items"] if each["stoppedAt"] or each["pausedAt"]}


def _deployed(application: Json, names: list[str]) -> list[str]:
    deployed = {each["name"] for each in application["environments"]}
    return [name for name in names if name in deployed][:MAX_COMPARED]


async def _pending(visit: Visit, configurations: dict[str, Any]) -> dict[str, Json]:
    """Environment → what its release does not have yet. A configuration that is None is read first."""
    missing = [name for name, view in configurations.items() if view is None]
    application_id = visit.path_value("id")
    views = await gather(*(visit.call("deploy.environment_configuration", applicationId=application_id, environment=name) for name in missing))
    found = {**configurations, **dict(zip(missing, views, strict=True))}
    return {name: _with_undo(view["released"]) for name, view in found.items() if view["released"] and view["released"]["differences"]}


def _with_undo(released: Json) -> Json:
    return {**released, "differences": [{**each, "undo": Undo.of(each)} for each in released["differences"]]}


async def change(visit: Visit) -> Response:
    """Save variables, secrets or removals, and release them at once or later."""
    form = await visit.form()
    change: Json = {"deploy": "deploy" in form}
    if "unset" in form:
        change["unset"] = [form["unset"]]
    elif "secretLines" in form:
        values, faults = parse_lines(form["secretLines"])
        if faults:
            return await _page(visit, ApiProblem(422, "Some lines are not NAME=VALUE", f"Correct {_lines(faults)}."))
        if not values:
            return await _page(visit, ApiProblem(422, "No line sets a value", "Write at least one line NAME=VALUE that is no comment."))
        change["secrets" if "is_secret" in form else "variables"] = values
    else:
        change["secrets" if "is_secret" in form else "variables"] = {form.get("name", ""): form.get("secretValue", "")}
    return await _configure(visit, change)


def parse_lines(text: str) -> tuple[dict[str, str], list[int]]:
    """Return the values of the lines of a .env file as python-dotenv reads them, and the numbers of lines without NAME=VALUE.
    References such as `${NAME}` stay as they are."""
    values: dict[str, str] = {}
    faults = []
    for binding in parse_stream(StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            source = binding.original.string
            faults.append(binding.original.line + source[: len(source) - len(source.lstrip())].count("\n"))
        elif binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
    return values, faults


def _lines(numbers: list[int]) -> str:
    return f"{'line' if len(numbers) == 1 else 'lines'} {', '.join(map(str, numbers[:10]))}"


async def release(visit: Visit) -> Response:
    """Release what is saved."""
    await visit.form()
    return await _configure(visit, {"deploy": True})


async def undo(visit: Visit) -> Response:
    """Give an environment the value that it runs with, as the page has shown it."""
    form, application_id = await visit.form(), visit.path_value("id")
    environment, name = form.get("of", ""), form.get("name", "")
    view = await visit.call("deploy.environment_configuration", applicationId=application_id, environment=environment)
    differences = view["released"]["differences"] if view["released"] else []
    found = next((each for each in differences if each["name"] == name), None)
    undo = Undo.of(found) if found else None
    if undo is None:
        return await _page(visit, ApiProblem(409, "There is nothing to undo", "It was released or undone in the meantime."))
    if undo.versions != form.get("versions"):
        return await _page(visit, ApiProblem(409, f"{name} has changed in the meantime", "Nothing was undone. Compare the values again."))
    return await _configure(visit, {**undo.change, "deploy": False}, ALL if undo.is_shared else environment)


async def _configure(visit: Visit, change: Json, scope: str | None = None) -> Response:
    """Change the configuration of an environment, or of all: `scope`, else that of the form, whose page follows."""
    environment, application_id = (await visit.form()).get("environment", ALL), visit.path_value("id")
    scope = environment if scope is None else scope
    path = f"/apps/{application_id}/configuration"
    try:
        if scope:
            accepted = await visit.call("deploy.configure_environment", applicationId=application_id, environment=scope, **change)
        else:
            accepted = await visit.call("deploy.configure_application", applicationId=application_id, **change)
    except ApiProblem as problem:
        return await respond_refused(visit, problem, _page, path)
    deployments = accepted["deployments"]
    if len(deployments) == 1:
        return visit.redirect(f"/apps/{application_id}/deployments/{deployments[0]['id']}", done="configuration-deploying")
    done = "configuration-deploying" if deployments else "configuration-saved"
    if not deployments and change["deploy"] and scope in _idle(await visit.call("deploy.environments", applicationId=application_id)):
        done = "configuration-waiting"
    return visit.redirect(path, done=done, **({"environment": environment} if environment else {}))


PAGES = (
    Page("GET", "/apps/{id}/configuration", show),
    Page("POST", "/apps/{id}/configuration", change),
    Page("POST", "/apps/{id}/configuration/release", release),
    Page("POST", "/apps/{id}/configuration/undo", undo),
)
