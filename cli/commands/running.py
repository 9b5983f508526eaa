"""What runs in an environment: its instances, restart, stop, start; and what an application uses of the disk."""

from datetime import UTC, datetime, timedelta

import typer

from cli.client import Json, segment
from cli.commands.deploy import follow
from cli.declaration import command
from cli.failures import ApiError, ExitCode
from cli.options import App, Detach, Env, EnvFilter
from cli.render import deployments as render_deployments
from cli.render import running as render
from cli.session import Session

STEP_SECONDS = 60
"""Of what is measured, the last complete step stands beside the target of autoscaling."""


def declare(app: typer.Typer) -> None:
    command(app, "ps")(ps)
    command(app, "restart")(restart)
    command(app, "stop")(stop)
    command(app, "start")(start)
    command(app, "disk")(disk)


def ps(session: Session, app: App = None, env: EnvFilter = None) -> None:
    """List running instances of all processes.

    Memory is the most that one instance of the environment used in the last ten minutes, and its limit.
    """
    application = session.application(app)
    base = f"/v1/apps/{application['id']}"
    items = session.api.items(f"{base}/instances", environment=env)
    measured = _measured(session, base) if any(each["instances"] for each in items) else {}
    session.output.show(items, render.instances(application["name"], items, measured))
    is_stopped = any(each["stoppedAt"] for each in items)
    session.output.next_step(session.command("start" if is_stopped else "logs --follow" if items else "deploy", application))


def restart(session: Session, app: App = None, env: Env = None, detach: Detach = False) -> None:
    """Restart the instances of an environment.

    New instances take the traffic when they are ready, then the old ones end.
    """
    application, name = session.application(app), session.environment(env)
    _start_deployment(session, application, f"{_path(application, name)}/restart", detach)


def stop(session: Session, app: App = None, env: Env = None) -> None:
    """Stop an environment: it runs nothing.

    Visitors get 503. Its release, variables, secrets and size stay.
    """
    application, name = session.application(app), session.environment(env)
    stopped = session.api.post(f"/v1/apps/{application['id']}/environments/{segment(name)}/stop")
    session.output.show(stopped, f"✓ Stopped {name} of {application['name']} (r{stopped['release']}). Visitors get 503.")
    session.output.next_step(session.command(f"start --env {name}", application))


def start(session: Session, app: App = None, env: Env = None, detach: Detach = False) -> None:
    """Start a stopped environment.

    Deploys the release that served, with the newest variables, secrets and size.
    """
    application, name = session.application(app), session.environment(env)
    _start_deployment(session, application, f"{_path(application, name)}/start", detach)


def disk(session: Session, app: App = None) -> None:
    """Show what an application uses of the disk."""
    application = session.application(app)
    usage = read_disk(session, f"/v1/apps/{application['id']}")
    session.output.show(usage, render.disk(usage))
    session.output.next_step(session.command("status", application), session.command("releases", application))


def read_disk(session: Session, base: str) -> Json | None:
    """Return the disk usage; None if it is not measured yet, or while metrics are unavailable."""
    try:
        usage: Json | None = session.api.get(f"{base}/metrics", step=3600).get("disk")
    except ApiError as error:
        if error.exit_code not in (ExitCode.NOT_FOUND, ExitCode.UNAVAILABLE):
            raise
        if error.exit_code is ExitCode.UNAVAILABLE:
            session.output.note(f"disk: {error.title}")
        return None
    return usage


def _path(application: Json, environment: str) -> str:
    return f"/v1/apps/{application['id']}/environments/{segment(environment)}"


def _start_deployment(session: Session, application: Json, path: str, detach: bool) -> None:
    accepted = session.api.post(path)
    session.output.note(render_deployments.requested(application["name"], accepted))
    follow(session, application, accepted, detach)


def _measured(session: Session, base: str) -> dict[str, render.Measured]:
    """Return what the environments used; empty while metrics are unavailable."""
    end = datetime.now(UTC)
    query = {"from": (end - timedelta(minutes=10)).isoformat(), "to": end.isoformat(), "step": STEP_SECONDS}
    try:
        view = session.api.get(f"{base}/metrics", **query)
    except ApiError as error:
        if error.exit_code not in (ExitCode.NOT_FOUND, ExitCode.UNAVAILABLE):
            raise
        return {}
    until = datetime.fromisoformat(view["measuredUntil"]) if view["measuredUntil"] else None
    found = {}
    for each in view["environments"]:
        complete = [point for point in each["points"] if until and datetime.fromisoformat(point["at"]) + timedelta(seconds=STEP_SECONDS) <= until]
        found[each["environment"]] = render.Measured(each["total"]["memoryMaxBytes"], complete[-1] if complete else None, STEP_SECONDS)
    return found
