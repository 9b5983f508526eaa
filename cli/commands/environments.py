"""Environments: their variables and secrets, their size, and environments of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from cli.client import Json, segment
from cli.commands.deploy import follow
from cli.completion import environment_names
from cli.declaration import command, subcommands
from cli.env_files import STANDARD_INPUT, VARIABLE_NAME, parse_arguments, read_file
from cli.failures import UsageError
from cli.options import App, Detach, Env, Yes
from cli.other_words import translate_argument
from cli.prompts import ask_secrets, confirm_deletion
from cli.render import environments as render
from cli.session import Session

All = Annotated[bool, typer.Option("--all", help="Apply to all environments that do not override it.")]
NoDeploy = Annotated[bool, typer.Option("--no-deploy", help="Apply at the next deployment (default: deploy now).")]


def declare(app: typer.Typer) -> None:
    env = subcommands(app, "env", "List, set and unset variables and secrets.")
    command(env, "list")(list_settings)
    command(env, "set")(set_)
    command(env, "unset")(unset)
    command(env, "release")(release)
    command(app, "scale")(scale)
    environments = subcommands(app, "environments", "List, create and delete environments.")
    command(environments, "list")(list_environments)
    command(environments, "create")(create)
    command(environments, "protect")(protect)
    command(environments, "unprotect")(unprotect)
    command(environments, "delete")(delete)


def list_settings(session: Session, app: App = None, env: Env = None, everywhere: All = False) -> None:
    """List variables, and secrets without their values."""
    application = session.application(app)
    view = session.api.get(_config_path(session, application, env, everywhere))
    session.output.show(view, render.settings(view))
    session.output.next_step(session.command("env set NAME=VALUE", application))


def set_(
    session: Session,
    settings: Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUE", help="Variables to set. With --secret, NAME alone.")] = None,
    secret: Annotated[bool, typer.Option("--secret", help="Store as secrets (write-only).")] = False,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            "-f",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            allow_dash=True,
            help="Read NAME=VALUE lines, as of a .env file; - reads them from standard input.",
        ),
    ] = None,
    app: App = None,
    env: Env = None,
    everywhere: All = False,
    no_deploy: NoDeploy = False,
    detach: Detach = False,
) -> None:
    """Set variables or secrets, then deploy.

    With --secret, the value of a NAME alone is read from standard input, or from a prompt that does not show it. A file is read
    as python-dotenv reads it: quotes, comments, export and values of several lines. References to other variables are not expanded.
    """
    words = settings or []
    hidden = [word for word in words if secret and VARIABLE_NAME.fullmatch(word)]
    if hidden and file == STANDARD_INPUT:
        raise UsageError("Standard input is the file", hint=f"Put {hidden[0]}=VALUE into it.")
    from_file = read_file(file) if file else {}
    values = {**from_file, **parse_arguments(word for word in words if word not in hidden), **ask_secrets(hidden)}
    if not values:
        raise UsageError("Nothing to set", hint="capsule env set NAME=VALUE, or --file FILE")
    if file:
        session.output.note(render.read_from(str(file), len(from_file), sum("${" in value for value in from_file.values())))
    _change(session, {"secrets" if secret else "variables": values}, app, env, everywhere, no_deploy, detach)


def unset(
    session: Session,
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Variables or secrets.")],
    app: App = None,
    env: Env = None,
    everywhere: All = False,
    no_deploy: NoDeploy = False,
    detach: Detach = False,
) -> None:
    """Remove variables or secrets, then deploy."""
    _change(session, {"unset": names}, app, env, everywhere, no_deploy, detach)


def scale(
    session: Session,
    processes: Annotated[
        list[str] | None, typer.Argument(metavar="TYPE=N", help="Instances of process types beside web: worker=2. 0 stops a type.")
    ] = None,
    app: App = None,
    env: Env = None,
    min_instances: Annotated[int | None, typer.Option("--min", metavar="N", min=0, help="Minimum instances; 0 scales to zero.")] = None,
    max_instances: Annotated[int | None, typer.Option("--max", metavar="N", min=1, help="Maximum instances.")] = None,
    memory_mib: Annotated[int | None, typer.Option("--memory", metavar="MIB", help="Memory per instance.")] = None,
    cpu_millis: Annotated[int | None, typer.Option("--cpu", metavar="MILLIS", help="CPU per instance; 1000 is one CPU.")] = None,
    observation_seconds: Annotated[
        int | None, typer.Option("--observe", metavar="SECONDS", help="Seconds to watch a new release; it rolls back on errors.")
    ] = None,
    stop_seconds: Annotated[
        int | None, typer.Option("--stop-seconds", metavar="SECONDS", help="With TYPE=N: time between SIGTERM and SIGKILL.")
    ] = None,
    detach: Detach = False,
) -> None:
    """Show or change instances, memory and CPU.

    Without options, shows the sizes. A change of web creates a deployment. With TYPE=N, changes process types of the Procfile
    at once, without a deployment; --memory and --cpu are theirs then.
    """
    application, name = session.application(app), session.environment(env)
    if processes:
        if min_instances is not None or max_instances is not None or observation_seconds is not None:
            raise UsageError("--min, --max and --observe are of web", hint="Scale it in a command of its own: capsule scale --max N")
        size = {"memoryMib": memory_mib, "cpuMillis": cpu_millis, "stopSeconds": stop_seconds}
        _scale_processes(session, application, name, processes, {field: value for field, value in size.items() if value is not None})
        return
    if stop_seconds is not None:
        raise UsageError("--stop-seconds needs a process type", hint="capsule scale worker=1 --stop-seconds 60")
    base = f"/v1/apps/{application['id']}/environments"
    options = {
        "minScale": min_instances,
        "maxScale": max_instances,
        "memoryMib": memory_mib,
        "cpuMillis": cpu_millis,
        "observationSeconds": observation_seconds,
    }
    body = {field: value for field, value in options.items() if value is not None}
    if not body:
        items = [each for each in session.api.page(base) if env is None or each["name"] == name]
        session.output.show(items, render.environments(items))
        session.output.next_step(session.command("scale --env NAME --max N", application))
        return
    changed = session.api.put(f"{base}/{segment(name)}/scale", body)
    if changed["deployment"] is None:
        session.output.show(changed, render.size(changed))
        session.output.next_step(session.command(f"deploy --env {name}", application))
        return
    session.output.note(render.size(changed))
    follow(session, application, changed["deployment"], detach)


def _scale_processes(session: Session, application: Json, environment: str, processes: list[str], size: Json) -> None:
    changes: dict[str, Json] = {}
    for each in processes:
        name, separator, count = each.partition("=")
        if (translated := translate_argument("scale", each)) is not None:
            raise UsageError(translated)
        if not separator or not name or not count.isdigit():
            raise UsageError(f'"{each}" is no process type with a number of instances', hint="capsule scale worker=2")
        changes[name] = {"instances": int(count), **size}
    path = f"/v1/apps/{application['id']}/environments/{segment(environment)}/processes"
    accepted = session.api.put(path, {"processes": changes})
    session.output.show(accepted, render.processes(accepted))
    session.output.next_step(session.command("ps", application), session.command("logs --follow", application))


def list_environments(session: Session, app: App = None) -> None:
    """List environments with size, release and URL."""
    application = session.application(app)
    items = session.operations.deploy.environments(application["id"])["items"]
    session.output.show(items, render.environments(items))
    session.output.next_step(session.command("deploy --env NAME", application))


def create(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Part of its host name: lower-case letters and digits.")],
    app: App = None,
) -> None:
    """Create an environment."""
    application = session.application(app)
    created = session.api.post(f"/v1/apps/{application['id']}/environments", {"name": name})
    session.output.show(created, f"✓ Created environment {created['name']} of {application['name']}.")
    session.output.next_step(session.command(f"deploy --env {created['name']}", application))


Environment = Annotated[str, typer.Argument(metavar="NAME", help="Environment.", autocompletion=environment_names)]


def protect(session: Session, name: Environment, app: App = None) -> None:
    """Require grants of developers in an environment.

    Owners and administrators of the team need none.
    """
    _set_protection(session, name, app, is_protected=True)


def unprotect(session: Session, name: Environment, app: App = None) -> None:
    """Let every developer change an environment."""
    _set_protection(session, name, app, is_protected=False)


def _set_protection(session: Session, name: str, app: str | None, *, is_protected: bool) -> None:
    application = session.application(app)
    path = f"/v1/apps/{application['id']}/environments/{segment(name)}/protection"
    view = session.api.put(path, {"isProtected": is_protected})
    meaning = "is protected: developers need a grant that names it" if is_protected else "is not protected: every developer of the team changes it"
    session.output.show(view, f"✓ {view['name']} of {application['name']} {meaning}.")
    session.output.next_step(
        f"capsule teams grant TEAM EMAIL {application['name']}:{name}" if is_protected else session.command("environments list", application)
    )


def delete(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Environment.", autocompletion=environment_names)],
    app: App = None,
    yes: Yes = False,
) -> None:
    """Delete an environment; its releases stay.

    Deletes what runs there, and its variables, secrets and size.
    """
    application = session.application(app)
    session.output.note(f"This deletes {name} of {application['name']}: what runs there, its variables, secrets and size. Releases stay.")
    if name == session.settings.environment:
        session.output.note(f"{name} is the default environment: commands without --env fail until you create it again.")
    confirm_deletion(name, yes=yes)
    accepted = session.api.delete(f"/v1/apps/{application['id']}/environments/{segment(name)}")
    session.output.show(accepted, f"Deleting {name} of {application['name']}.")
    if accepted["warning"]:
        session.output.note(accepted["warning"])
    session.output.next_step(session.command("environments list", application))


def release(session: Session, app: App = None, env: Env = None, everywhere: All = False, detach: Detach = False) -> None:
    """Release what was saved with --no-deploy.

    Deploys the environments whose release has another configuration. `capsule env list` shows the differences.
    """
    _change(session, {}, app, env, everywhere, False, detach)


def _change(session: Session, change: Json, app: str | None, env: str | None, everywhere: bool, no_deploy: bool, detach: bool) -> None:
    application = session.application(app)
    changed = session.api.patch(_config_path(session, application, env, everywhere), {**change, "deploy": not no_deploy})
    deployments = changed["deployments"]
    if detach or not deployments:
        session.output.show(changed, render.changed(changed))
        session.output.next_step(session.command("status" if deployments else "deploy", application))
        return
    session.output.note(render.changed(changed))
    for each in deployments:
        follow(session, application, each, detach)


def _config_path(session: Session, application: Json, env: str | None, everywhere: bool) -> str:
    if everywhere:
        return f"/v1/apps/{application['id']}/config"
    return f"/v1/apps/{application['id']}/environments/{segment(session.environment(env))}/config"
