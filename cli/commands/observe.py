"""What an application says and does: logs, metrics, and the timeline of what happened because of one request."""

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from cli.client import Json, segment
from cli.declaring import command
from cli.failures import NoSuch, WrongUse
from cli.options import App, Env
from cli.render import observe as render
from cli.session import Session

PAUSE = 1.0  # the collector sends once a second


def declare(app: typer.Typer) -> None:
    command(app, "logs")(logs)
    command(app, "metrics")(metrics)
    command(app, "timeline")(timeline)


def logs(
    session: Session,
    app: App = None,
    env: Annotated[str | None, typer.Option("--env", "-e", metavar="NAME", help="Of this environment only.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, max=1000, help="How many of the newest.")] = 100,
    build: Annotated[bool, typer.Option("--build", help="Of builds only.")] = False,
    run: Annotated[bool, typer.Option("--run", help="Of running instances only.")] = False,
    deployment: Annotated[str | None, typer.Option("--deployment", metavar="ID", help="Of this deployment only.")] = None,
    search: Annotated[str | None, typer.Option("--search", "-s", metavar="TEXT", help="Lines with this text in them.")] = None,
) -> None:
    """What an application and its builds have written. With --json, one JSON document a line."""
    if build and run:
        raise WrongUse("--build and --run exclude each other", hint="without both, all lines are shown")
    path = f"/v1/apps/{session.application(app)['id']}/logs"
    wanted = {"environment": env, "deployment": deployment, "component": "build" if build else "run" if run else None, "search": search}
    page = session.api.get(path, **wanted, limit=max(lines, 1))
    _print(session, page["lines"][-lines:] if lines else [])
    try:
        while follow:
            time.sleep(0 if len(page["lines"]) == 1000 else PAUSE)
            page = session.api.get(path, **wanted, after=page["cursor"], limit=1000)
            _print(session, page["lines"])
    except KeyboardInterrupt:
        session.output.note("")  # how following ends


def metrics(
    session: Session,
    app: App = None,
    env: Env = None,
    minutes: Annotated[int, typer.Option("--minutes", "-m", min=1, max=44_640, help="How far back.")] = 60,
    step: Annotated[int, typer.Option("--step", min=1, max=86_400, help="Seconds of one line of the table.")] = 300,
) -> None:
    """Requests, their statuses and how long they took."""
    end = datetime.now(UTC)
    span = {"from": (end - timedelta(minutes=minutes)).isoformat(), "to": end.isoformat(), "step": step}
    found = session.api.get(f"/v1/apps/{session.application(app)['id']}/metrics", environment=session.environment(env), **span)
    session.output.show(found, render.metrics(found))


def timeline(
    session: Session,
    correlation: Annotated[str | None, typer.Argument(metavar="[REQUEST]", help="A request's id; else the latest deployment's.")] = None,
    app: App = None,
) -> None:
    """What happened because of one request: commands, events and effects, in order, each with what caused it."""
    found = session.api.get(f"/v1/timeline/{segment(correlation or _latest(session, app))}")
    session.output.show(found, render.timeline(found))


def _latest(session: Session, app: str | None) -> str:
    application = session.application(app)
    base = f"/v1/apps/{application['id']}/deployments"
    items = session.api.get(base, limit=1)["items"]
    if not items:
        raise NoSuch(f"{application['name']} has no deployment yet", hint="capsule deploy")
    return str(session.api.get(f"{base}/{items[0]['id']}")["correlationId"])


def _print(session: Session, lines: list[Json]) -> None:
    for line in lines:
        session.output.line(line, render.log_line(line))
