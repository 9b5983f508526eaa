"""Applications: list, create, show, delete; where one stands, and its address."""

from pathlib import Path
from typing import Annotated

import typer

from cli.client import Json, segment
from cli.declaring import command
from cli.failures import Exit, NoSuch, Refused, WrongUse
from cli.options import App, Env, Named
from cli.render import apps as render
from cli.render import deployments as render_deployments
from cli.session import Session
from cli.settings import PROJECT_FILE


def declare(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Applications: list, create, show.")
    app.add_typer(group, name="apps")
    command(group, "list")(list_)
    command(group, "create")(create)
    command(group, "show")(show)
    command(app, "status")(status)
    command(app, "open")(open_)
    command(app, "delete")(delete)


def list_(session: Session) -> None:
    """Your applications, newest first."""
    items = session.api.pages("/v1/apps", limit=100)
    session.output.show(items, render.applications(items))


def create(
    session: Session,
    name: Annotated[str, typer.Argument(help="Part of its host name: small letters, digits and hyphens.")],
    repository: Annotated[str, typer.Argument(help="The address that git clones it from, over HTTP or HTTPS.")],
    save: Annotated[bool, typer.Option("--save", help=f"Write {PROJECT_FILE} here, so that commands in this folder mean this application.")] = False,
) -> None:
    """Make an application of a git repository."""
    created = session.api.post("/v1/apps", {"name": name, "repository": repository})
    if save:
        _save(Path.cwd() / PROJECT_FILE, name)
    session.output.show(created, render.created(created))
    session.output.note("then: capsule deploy" + ("" if save else f" --app {name}"))


def show(session: Session, app: Named = None) -> None:
    """One application, and what runs of it in each environment."""
    found = session.api.get(f"/v1/apps/{session.application(app)['id']}")
    session.output.show(found, render.application(found))


def status(
    session: Session,
    deployment: Annotated[str | None, typer.Argument(metavar="[DEPLOYMENT]", help="One deployment by its id, step by step.")] = None,
    app: App = None,
) -> None:
    """Where an application stands: what runs in each environment, and its latest deployments."""
    base = f"/v1/apps/{session.application(app)['id']}"
    if deployment:
        one = session.api.get(f"{base}/deployments/{segment(deployment)}")
        session.output.show(one, render_deployments.deployment(one))
        return
    shown, latest = session.api.get(base), session.api.get(f"{base}/deployments", limit=5)["items"]
    disk = _disk(session, base)
    document = {"application": shown, "deployments": latest, "disk": disk}
    session.output.show(document, render.application(shown), render.disk(disk), "", render_deployments.listed(latest))


def open_(
    session: Session,
    app: App = None,
    env: Env = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open it, or only say the address.")] = True,
) -> None:
    """Open an application's address in the browser."""
    name = session.environment(env)
    found = session.api.get(f"/v1/apps/{session.application(app)['id']}")
    url = next((each["url"] for each in found["environments"] if each["name"] == name and each["url"]), None)
    if url is None:
        raise NoSuch(f"{found['name']} has nothing that runs in {name}", hint=f"capsule deploy --app {found['name']} --env {name}")
    session.output.show({"url": url}, url)
    if browser and not session.output.as_json and session.output.out.is_terminal:
        typer.launch(url)


def delete(
    session: Session,
    app: Named = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Give an application up: its name, its releases and all that runs of it."""
    found = session.application(app)
    if not yes and typer.prompt(f"All of {found['name']} will be gone. Type its name to confirm", err=True) != found["name"]:
        raise WrongUse("That is not its name; nothing was done")
    answer = session.api.delete(f"/v1/apps/{found['id']}")
    session.output.show(answer, f"{found['name']} is being deleted.")


def _disk(session: Session, base: str) -> Json | None:
    """None: not measured, or not known. What runs is shown although the figures are away, and before they have heard of the application."""
    try:
        found: Json | None = session.api.get(f"{base}/metrics", step=3600).get("disk")
    except Refused as refused:
        if refused.exit not in (Exit.NOT_FOUND, Exit.UNAVAILABLE):
            raise
        if refused.exit is Exit.UNAVAILABLE:
            session.output.note(f"disk: {refused.title}")
        return None
    return found


def _save(path: Path, name: str) -> None:
    """The rest of the file, its comments too, stays as it is."""
    import tomlkit  # a quarter of this program's start, for one option

    document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
    document["app"] = name
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
