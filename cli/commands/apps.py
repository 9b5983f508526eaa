"""Applications: list, create, show, link, delete; their status and URL."""

from pathlib import Path
from typing import Annotated

import typer

from cli.client import Json, segment
from cli.completion import deployment_ids
from cli.declaration import command, subcommands
from cli.failures import ApiError, ExitCode, NotFound
from cli.options import App, AppArgument, Env, Yes
from cli.prompts import confirm_deletion
from cli.render import apps as render
from cli.render import deployments as render_deployments
from cli.session import Session
from cli.settings import PROJECT_FILE


def declare(app: typer.Typer) -> None:
    group = subcommands(app, "apps", "List, create and show applications.")
    command(group, "list")(list_)
    command(group, "create")(create)
    command(group, "show")(show)
    command(app, "link")(link)
    command(app, "status")(status)
    command(app, "open")(open_)
    command(app, "delete")(delete)


def list_(session: Session) -> None:
    """List your applications, newest first."""
    items = session.api.items("/v1/apps", limit=100)
    session.output.show(items, render.applications(items))
    session.output.next_step(*(["capsule link NAME", "capsule status --app NAME"] if items else ["capsule apps create NAME REPOSITORY"]))


def create(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Part of its host name: lower-case letters, digits and hyphens.")],
    repository: Annotated[str, typer.Argument(metavar="REPOSITORY", help="HTTP or HTTPS address of the git repository.")],
    is_linked: Annotated[bool, typer.Option("--link", help=f"Also link this folder: write the name to {PROJECT_FILE}.")] = False,
) -> None:
    """Create an application from a git repository."""
    created = session.api.post("/v1/apps", {"name": name, "repository": repository})
    if is_linked:
        _write_project_file(Path.cwd() / PROJECT_FILE, name)
    session.output.show(created, render.created(created))
    session.output.next_step("capsule deploy" if is_linked else session.command("deploy", created))


def show(session: Session, app: AppArgument = None) -> None:
    """Show an application and its environments."""
    view = session.api.get(f"/v1/apps/{session.application(app)['id']}")
    session.output.show(view, render.application(view))
    session.output.next_step(session.command("status" if view["environments"] else "deploy", view))


def link(session: Session, app: Annotated[str, typer.Argument(metavar="NAME", help="Application, by name or id.")]) -> None:
    """Select an application for this folder.

    Writes its name to capsule.toml, so that commands in this folder need no --app.
    """
    application = session.application(app)
    path = Path.cwd() / PROJECT_FILE
    _write_project_file(path, application["name"])
    session.output.show({"app": application["name"], "path": str(path)}, f"✓ {path} selects {application['name']}.")
    session.output.next_step("capsule status", "capsule deploy")


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
    disk = _disk(session, base)
    document = {"application": view, "deployments": latest, "disk": disk}
    session.output.show(document, render.application(view), "", render.disk(disk), "", render_deployments.deployments(latest))
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


def delete(session: Session, app: AppArgument = None, yes: Yes = False) -> None:
    """Delete an application and all it runs.

    Deletes its environments, releases and running workloads. Irreversible.
    """
    application = session.application(app)
    session.output.note(f"This deletes {application['name']} with its environments, releases and running workloads. Irreversible.")
    confirm_deletion(application["name"], yes=yes)
    accepted = session.api.delete(f"/v1/apps/{application['id']}")
    session.output.show(accepted, f"Deleting {application['name']}.")
    session.output.next_step("capsule apps list")


def _show_deployment(session: Session, application: Json, deployment_id: str) -> None:
    view = session.api.get(f"/v1/apps/{application['id']}/deployments/{segment(deployment_id)}")
    session.output.show(view, render_deployments.deployment(view))
    short = deployment_id[:13]
    session.output.next_step(session.command(f"logs --deployment {short}", application), f"capsule timeline {view['correlationId']}")


def _disk(session: Session, base: str) -> Json | None:
    """Return the disk usage; None if it is not measured yet. The status is shown even while metrics are unavailable."""
    try:
        disk: Json | None = session.api.get(f"{base}/metrics", step=3600).get("disk")
    except ApiError as error:
        if error.exit_code not in (ExitCode.NOT_FOUND, ExitCode.UNAVAILABLE):
            raise
        if error.exit_code is ExitCode.UNAVAILABLE:
            session.output.note(f"disk: {error.title}")
        return None
    return disk


def _write_project_file(path: Path, name: str) -> None:
    """Set `app` and keep the rest of the file with its comments."""
    import tomlkit  # slow to import and needed only here

    document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
    document["app"] = name
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
