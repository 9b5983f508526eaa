"""Settings of an application: repository and build, access to a private repository, alerts, protected environments, its team, deletion."""

from typing import Any

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.pages.forms import respond_refused, whole_number
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.pages.team_choice import TeamChoice, permissions_in
from functions.edge.dashboard.visit import Form, Visit, gather, optional
from functions.kernel import Permission

SETTINGS = (
    *("repository", "image", "branch", "directory", "builder"),
    *("buildCommand", "startCommand", "releaseCommand", "healthPath", "port", "wakingPage"),
)
RULE_KINDS = ("deployment-failed", "deployment-rolled-back", "scheduled-run-failed", "backup-failed", "certificate-failed", "error-rate", "latency")


async def show(visit: Visit) -> Response:
    return await _page(visit, None, {})


async def _page(visit: Visit, problem: ApiProblem | None, values: Form, new_webhook: Any = None) -> Response:
    application_id = visit.path_value("id")
    application, access, rules, channels, environments, permissions = await gather(
        visit.call("deploy.application", applicationId=application_id),
        optional(visit.call("deploy.repository_access", applicationId=application_id)),
        visit.call("monitor.alert_rules", applicationId=application_id),
        visit.call("monitor.alert_channels", applicationId=application_id),
        visit.call("deploy.environments", applicationId=application_id),
        visit.call("auth.permissions"),
    )
    allowed = permissions_in(application["teamId"], permissions)
    teams = TeamChoice.of(visit, permissions).with_permission(Permission.APP_CREATE)
    return visit.render(
        "settings.html",
        problem.status if problem else 200,
        application=application,
        values={**application, **values},
        access=access,
        rules=rules["items"],
        rule_kinds=RULE_KINDS,
        channels=channels["items"],
        new_webhook=new_webhook,
        environments=environments["items"] if Permission.TEAM_MANAGE in allowed else [],
        other_teams=[each for each in teams if each["teamId"] != application["teamId"]] if Permission.APP_DELETE in allowed else [],
        problem=problem,
    )


async def change(visit: Visit) -> Response:
    form = await visit.form()
    settings = {name: _setting(name, form[name]) for name in SETTINGS if name in form}
    return await _save(visit, "deploy.change_application", **settings)


def _setting(name: str, text: str) -> Any:
    """An empty field clears a setting. A port is a number."""
    if name == "wakingPage":
        return text == "page"
    return (whole_number(text) if name == "port" else text) or None


async def _save(visit: Visit, function: str, **fields: Any) -> Response:
    """Call a function and show the settings again: as changed, or with what is wrong."""
    try:
        await visit.call(function, applicationId=visit.path_value("id"), **fields)
    except ApiProblem as problem:
        return await _page(visit, problem, await visit.form())
    return visit.redirect(f"/apps/{visit.path_value('id')}/settings", done="saved")


async def create_key(visit: Visit) -> Response:
    await visit.form()
    return await _save(visit, "deploy.create_deploy_key")


async def rotate_key(visit: Visit) -> Response:
    await visit.form()
    return await _save(visit, "deploy.rotate_deploy_key")


async def set_token(visit: Visit) -> Response:
    form = await visit.form()
    return await _save(visit, "deploy.set_repository_token", token=form.get("secretToken", ""), user=form.get("user") or None)


async def delete_token(visit: Visit) -> Response:
    await visit.form()
    return await _save(visit, "deploy.delete_repository_token")


async def create_rule(visit: Visit) -> Response:
    form = await visit.form()
    threshold = form.get("threshold") or None
    return await _save(
        visit, "monitor.create_alert_rule", kind=form.get("kind", ""), threshold=threshold, environment=form.get("environment") or None
    )


async def delete_rule(visit: Visit) -> Response:
    await visit.form()
    return await _save(visit, "monitor.delete_alert_rule", ruleId=visit.path_value("rule"))


async def create_webhook(visit: Visit) -> Response:
    """The signing secret is shown once, on this page."""
    form = await visit.form()
    try:
        created = await visit.call("monitor.create_alert_channel", applicationId=visit.path_value("id"), url=form.get("url", ""))
    except ApiProblem as problem:
        return await _page(visit, problem, {})
    return await _page(visit, None, {}, created)


async def delete_webhook(visit: Visit) -> Response:
    await visit.form()
    return await _save(visit, "monitor.delete_alert_channel", channelId=visit.path_value("channel"))


async def protect(visit: Visit) -> Response:
    await visit.form()
    return await _save(visit, "deploy.protect_environment", environment=visit.path_value("environment"), isProtected=True)


async def lift_protection(visit: Visit) -> Response:
    """Developers deploy there without a grant afterwards: its name must be typed."""
    environment = visit.path_value("environment")
    if problem := _name_problem(await visit.form(), environment, f"lift the protection of {environment}"):
        return await _page(visit, problem, {})
    return await _save(visit, "deploy.protect_environment", environment=environment, isProtected=False)


async def transfer(visit: Visit) -> Response:
    form, application_id = await visit.form(), visit.path_value("id")
    application = await visit.call("deploy.application", applicationId=application_id)
    if problem := _name_problem(form, application["name"], "transfer the application"):
        return await _page(visit, problem, {})
    try:
        await visit.call("deploy.transfer_application", applicationId=application_id, teamId=form.get("newTeam") or None)
    except ApiProblem as problem:
        return await respond_refused(visit, problem, lambda visit, problem: _page(visit, problem, {}), f"/apps/{application_id}/settings")
    return visit.redirect(f"/apps/{application_id}/settings", done="application-transferred")


def _name_problem(form: Form, name: str, action: str) -> ApiProblem | None:
    """What is wrong if the form does not have the name, typed to confirm the action."""
    return None if form.get("name") == name else ApiProblem(422, "The name does not match", f'Type "{name}" to {action}. Nothing was changed.')


async def delete(visit: Visit) -> Response:
    form, application_id = await visit.form(), visit.path_value("id")
    application = await visit.call("deploy.application", applicationId=application_id)
    if problem := _name_problem(form, application["name"], "delete the application"):
        return await _page(visit, problem, {})
    await visit.call("deploy.delete_application", applicationId=application_id)
    return visit.redirect("/", done="application-deleted")


PAGES = (
    Page("GET", "/apps/{id}/settings", show),
    Page("POST", "/apps/{id}/settings", change),
    Page("POST", "/apps/{id}/settings/deploy-key", create_key),
    Page("POST", "/apps/{id}/settings/deploy-key/rotation", rotate_key),
    Page("POST", "/apps/{id}/settings/token", set_token),
    Page("POST", "/apps/{id}/settings/token/deletion", delete_token),
    Page("POST", "/apps/{id}/settings/alert-rules", create_rule),
    Page("POST", "/apps/{id}/settings/alert-rules/{rule}/deletion", delete_rule),
    Page("POST", "/apps/{id}/settings/webhooks", create_webhook),
    Page("POST", "/apps/{id}/settings/webhooks/{channel}/deletion", delete_webhook),
    Page("POST", "/apps/{id}/settings/protected/{environment}", protect),
    Page("POST", "/apps/{id}/settings/protected/{environment}/deletion", lift_protection),
    Page("POST", "/apps/{id}/transfer", transfer),
    Page("POST", "/apps/{id}/deletion", delete),
)
