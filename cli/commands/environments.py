"""What an application finds where it runs, and how large it is there: variables, secrets, scale, environments of one's own."""

import re
from pathlib import Path
from typing import Annotated

import typer

from cli.client import Json, segment
from cli.commands.deploy import Detach, watch
from cli.declaring import command
from cli.failures import WrongUse
from cli.options import App, Env
from cli.render import environments as render
from cli.session import Session

NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
All = Annotated[bool, typer.Option("--all", help="In every environment that says nothing else, instead of one.")]
NoDeploy = Annotated[bool, typer.Option("--no-deploy", help="Count from the next release on, instead of releasing at once.")]


def declare(app: typer.Typer) -> None:
    env = typer.Typer(no_args_is_help=True, help="Variables and secrets: list, set, unset. A change is a release.")
    app.add_typer(env, name="env")
    command(env, "list")(list_settings)
    command(env, "set")(set_)
    command(env, "unset")(unset)
    command(app, "scale")(scale)
    environments = typer.Typer(no_args_is_help=True, help="Environments beside staging and production: list, create, delete.")
    app.add_typer(environments, name="environments")
    command(environments, "list")(list_environments)
    command(environments, "create")(create)
    command(environments, "delete")(delete)


def list_settings(session: Session, app: App = None, env: Env = None, everywhere: All = False) -> None:
    """Variables as they are; of secrets the names only."""
    found = session.api.get(_config(session, session.application(app), env, everywhere))
    session.output.show(found, render.settings(found))


def set_(
    session: Session,
    settings: Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUE…", help="Variables, as many as you like.")] = None,
    secret: Annotated[bool, typer.Option("--secret", help="They are secrets: nobody can read them again.")] = False,
    file: Annotated[Path | None, typer.Option("--file", "-f", exists=True, dir_okay=False, help="NAME=VALUE lines, such as of a .env file.")] = None,
    app: App = None,
    env: Env = None,
    everywhere: All = False,
    no_deploy: NoDeploy = False,
    detach: Detach = False,
) -> None:
    """Set variables or secrets, many at once; what serves is released again with them."""
    lines = [*(file.read_text(encoding="utf-8").splitlines() if file else []), *(settings or [])]
    values = assignments(lines)
    if not values:
        raise WrongUse("Nothing to set", hint="capsule env set NAME=VALUE")
    _change(session, {"secrets" if secret else "variables": values}, app, env, everywhere, no_deploy, detach)


def unset(
    session: Session,
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="Variables or secrets.")],
    app: App = None,
    env: Env = None,
    everywhere: All = False,
    no_deploy: NoDeploy = False,
    detach: Detach = False,
) -> None:
    """Take variables or secrets away; what serves is released again without them."""
    _change(session, {"unset": names}, app, env, everywhere, no_deploy, detach)


def scale(
    session: Session,
    app: App = None,
    env: Env = None,
    least: Annotated[int | None, typer.Option("--min", min=0, help="Instances that always run; 0 lets it sleep.")] = None,
    most: Annotated[int | None, typer.Option("--max", min=1, help="Instances at most.")] = None,
    memory: Annotated[int | None, typer.Option("--memory", metavar="MIB", help="Memory of an instance.")] = None,
    cpu: Annotated[int | None, typer.Option("--cpu", metavar="MILLIS", help="Thousandths of a processor of an instance.")] = None,
    observe: Annotated[
        int | None, typer.Option("--observe", metavar="SECONDS", help="How long a new release is watched, and taken back if bad.")
    ] = None,
    detach: Detach = False,
) -> None:
    """Say how large an application is in an environment; without options, show it. What serves is released again at that size."""
    application, name = session.application(app), session.environment(env)
    base = f"/v1/apps/{application['id']}/environments"
    asked = {"minScale": least, "maxScale": most, "memoryMib": memory, "cpuMillis": cpu, "observationSeconds": observe}
    body = {field: value for field, value in asked.items() if value is not None}
    if not body:
        items = [each for each in session.api.get(base)["items"] if env is None or each["name"] == name]
        session.output.show(items, render.environments(items))
        return
    changed = session.api.put(f"{base}/{segment(name)}/scale", body)
    if changed["deployment"] is None:
        session.output.show(changed, render.size(changed))
        return
    session.output.note(render.size(changed))
    watch(session, application, changed["deployment"], detach)


def list_environments(session: Session, app: App = None) -> None:
    """The environments of an application, each with its size and what serves there."""
    items = session.api.get(f"/v1/apps/{session.application(app)['id']}/environments")["items"]
    session.output.show(items, render.environments(items))


def create(session: Session, name: Annotated[str, typer.Argument(help="Part of its host name.")], app: App = None) -> None:
    """Make another environment of an application."""
    created = session.api.post(f"/v1/apps/{session.application(app)['id']}/environments", {"name": name})
    session.output.show(created, f"Environment {created['name']}")


def delete(
    session: Session,
    name: Annotated[str, typer.Argument(help="Which.")],
    app: App = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Give an environment up: what runs there, and its configuration. The releases stay."""
    application = session.application(app)
    if not yes and typer.prompt(f"{name} of {application['name']} will be gone. Type its name to confirm", err=True) != name:
        raise WrongUse("That is not its name; nothing was done")
    answer = session.api.delete(f"/v1/apps/{application['id']}/environments/{segment(name)}")
    session.output.show(answer, f"{name} is being deleted.")


def assignments(lines: list[str]) -> dict[str, str]:
    """NAME=VALUE, as in a .env file: empty lines, comments and `export ` are left out, quotes around a value too."""
    values = {}
    for line in lines:
        text = line.strip().removeprefix("export ")
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or not NAME.match(name.strip()):
            raise WrongUse(f"{line!r} is not NAME=VALUE")
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        values[name.strip()] = value
    return values


def _change(session: Session, change: Json, app: str | None, env: str | None, everywhere: bool, no_deploy: bool, detach: bool) -> None:
    application = session.application(app)
    changed = session.api.patch(_config(session, application, env, everywhere), {**change, "deploy": not no_deploy})
    deployments = changed["deployments"]
    if detach or not deployments:
        session.output.show(changed, render.changed(changed))
        return
    session.output.note(render.changed(changed))
    for each in deployments:
        watch(session, application, each, detach)


def _config(session: Session, application: Json, env: str | None, everywhere: bool) -> str:
    if everywhere:
        return f"/v1/apps/{application['id']}/config"
    return f"/v1/apps/{application['id']}/environments/{segment(session.environment(env))}/config"
