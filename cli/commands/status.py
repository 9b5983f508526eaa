"""What an application serves: status, and its URL in the browser."""

from typing import Annotated

import typer

from cli.actors import actor_name
from cli.client import Json, segment
from cli.commands.billing import account_warnings, show_warnings
from cli.commands.running import read_disk
from cli.completion import deployment_ids
from cli.declaration import command
from cli.failures import NotFound
from cli.options import App, Env
from cli.render import apps as render
from cli.render import deployments as render_deployments
from cli.session import Session


def declare(app: typer.Typer) -> None:
    command(app, "status")(status)
    command(app, "open")(open_)


def status(
    session: Session,
    deployment: Annotated[
        str | None,
        typer.Argument(metavar="DEPLOYMENT", help="Show one deployment, by the beginning of its id.", autocompletion=deployment_ids),
    ] = None,
    app: App = None,
) -> None:
    """Show environments and latest deployments."""
    application = session.application(app)
    base = f"/v1/apps/{application['id']}"
    if deployment:
        _show_deployment(session, application, session.deployment_id(application, deployment))
        return
    view, latest = session.api.get(base), session.api.page(f"{base}/deployments", limit=5)
    disk = read_disk(session, base)
    warnings = account_warnings(session)
    document = {"application": view, "deployments": latest, "disk": disk, "warnings": warnings}
    session.output.show(document, render.application(view), "", render.disk(disk), "", render_deployments.deployments(latest))
    show_warnings(session, warnings)
    if latest:
        session.output.next_step(session.command("status DEPLOYMENT", view), session.command("logs --follow", view))
    else:
        session.output.next_step(session.command("deploy", view))


def open_(
    session: Session,
    app: App = None,
    env: Env = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser, or only print the URL.")] = True,
) -> None:
    """Open an application in the browser."""
    name = session.environment(env)
    view = session.api.get(f"/v1/apps/{session.application(app)['id']}")
    url = next((each["url"] for each in view["environments"] if each["name"] == name and each["url"]), None)
    if url is None:
        raise NotFound(f"Nothing is serving in {name} of {view['name']}", hint=session.command(f"deploy --env {name}", view))
    session.output.show({"url": url}, url)
    if browser and not session.output.as_json and session.output.out.is_terminal:
        typer.launch(url)
    session.output.next_step(session.command("logs --follow", view))


def _show_deployment(session: Session, application: Json, deployment_id: str) -> None:
    view = session.api.get(f"/v1/apps/{application['id']}/deployments/{segment(deployment_id)}")
    team_id, author_id = application.get("teamId"), view.get("startedBy")
    author = actor_name(session, team_id, author_id) if team_id and author_id and not session.output.as_json else ""
    session.output.show(view, render_deployments.deployment(view), *([f"Requested by {author}."] if author else []))
    short = deployment_id[:13]
    session.output.next_step(session.command(f"logs --deployment {short}", application), f"capsule timeline {view['correlationId']}")
