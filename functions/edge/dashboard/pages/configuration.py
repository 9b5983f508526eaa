"""Variables and secrets, of all environments or of one."""

from typing import Any

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit, gather

ALL = ""
"""The scope of the configuration that all environments share."""


async def show(visit: Visit) -> Response:
    return await _page(visit, visit.query("environment"), None, 200)


async def _page(visit: Visit, environment: str, problem: ApiProblem | None, status: int) -> Response:
    application_id = visit.path_value("id")
    application, environments, configuration = await gather(
        visit.call("deploy.application", applicationId=application_id),
        visit.call("deploy.environments", applicationId=application_id),
        visit.call("deploy.environment_configuration", applicationId=application_id, environment=environment)
        if environment
        else visit.call("deploy.application_configuration", applicationId=application_id),
    )
    return visit.render(
        "configuration.html",
        status,
        application=application,
        environments=[each["name"] for each in environments["items"]],
        environment=environment,
        configuration=configuration,
        problem=problem,
    )


async def change(visit: Visit) -> Response:
    form = await visit.form()
    environment, name = form.get("environment", ALL), form.get("name", "")
    change: dict[str, Any] = {"deploy": "deploy" in form}
    if "unset" in form:
        change["unset"] = [form["unset"]]
    else:
        change["secrets" if "is_secret" in form else "variables"] = {name: form.get("secretValue", "")}
    application_id = visit.path_value("id")
    try:
        if environment:
            accepted = await visit.call("deploy.configure_environment", applicationId=application_id, environment=environment, **change)
        else:
            accepted = await visit.call("deploy.configure_application", applicationId=application_id, **change)
    except ApiProblem as problem:
        return await _page(visit, environment, problem, problem.status)
    done = "configuration-deploying" if accepted["deployments"] else "configuration-saved"
    query = {"environment": environment} if environment else {}
    return visit.redirect(f"/apps/{application_id}/configuration", done=done, **query)


PAGES = (Page("GET", "/apps/{id}/configuration", show), Page("POST", "/apps/{id}/configuration", change))
