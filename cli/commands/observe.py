"""Logs, metrics, and the timeline of one request."""

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from cli.client import Json, segment
from cli.completion import deployment_ids
from cli.declaration import command
from cli.failures import NotFound, UsageError
from cli.follow import logs_path
from cli.help import default
from cli.options import App, Env, EnvFilter
from cli.render import observe as render
from cli.render.formats import not_measured
from cli.session import Session

POLL_SECONDS = 1.0  # the log collector sends once a second
PAGE_SIZE = 1000
PROCESSES_OF_ALL = ("web", "release", "run", "cron", "build")  # those that every application has
Deployment = Annotated[
    str | None,
    typer.Option("--deployment", metavar="ID", help="Deployment, by the beginning of its id.", autocompletion=deployment_ids),
]


def declare(app: typer.Typer) -> None:
    command(app, "logs")(logs)
    command(app, "metrics")(metrics)
    command(app, "timeline")(timeline)


def logs(
    session: Session,
    app: App = None,
    env: EnvFilter = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stream new lines until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", metavar="N", min=0, max=PAGE_SIZE, help="Number of the newest lines.")] = 100,
    build: Annotated[bool, typer.Option("--build", help="Builds only.")] = False,
    run: Annotated[bool, typer.Option("--run", help="Running instances only.")] = False,
    process: Annotated[str | None, typer.Option("--process", metavar="TYPE", help="One process type: web, worker, release, run, cron.")] = None,
    deployment: Deployment = None,
    search: Annotated[str | None, typer.Option("--search", "-s", metavar="TEXT", help="Lines that contain a text.")] = None,
    where: Annotated[str | None, typer.Option("--where", metavar="FIELD=VALUE,…", help="JSON lines with these fields.")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Lines as they were written: no time, with control sequences.")] = False,
) -> None:
    """Print or stream logs of builds and instances.

    With --json, prints one JSON document per line.
    """
    if raw and session.output.as_json:
        raise UsageError("--raw and --json exclude each other", hint="JSON holds the lines as they were written.")
    if build and run:
        raise UsageError("--build and --run exclude each other", hint="Without both, all lines are printed.")
    application = session.application(app)
    path = logs_path(application)
    filters = {
        "environment": env,
        "deployment": session.deployment_id(application, deployment) if deployment else None,
        "component": "build" if build else "run" if run else None,
        "process": process,
        "search": search,
        "where": where,
    }
    page = session.api.get(path, **filters, limit=max(lines, 1))
    newest = page["lines"][-lines:] if lines else []
    _print_lines(session, newest, is_raw=raw)
    if not newest and lines:
        _require_process(session, application, process)
        _explain_no_lines(session, application, is_filtered=any(filters.values()))
    try:
        while follow:
            time.sleep(0 if len(page["lines"]) == PAGE_SIZE else POLL_SECONDS)
            page = session.api.get(path, **filters, after=page["cursor"], limit=PAGE_SIZE)
            _print_lines(session, page["lines"], is_raw=raw)
    except KeyboardInterrupt:
        session.output.note("")  # Ctrl-C is how following ends: the exit code is 0
        return
    if newest:
        session.output.next_step(session.command("logs --follow", application))


def metrics(
    session: Session,
    app: App = None,
    env: Env = None,
    minutes: Annotated[int, typer.Option("--minutes", "-m", metavar="N", min=1, max=44_640, help="Length of the period until now.")] = 60,
    step: Annotated[int, typer.Option("--step", metavar="SECONDS", min=1, max=86_400, help="Length of one interval.")] = 300,
) -> None:
    """Show requests, statuses, latency, CPU and memory."""
    application = session.application(app)
    end = datetime.now(UTC)
    query = {"from": (end - timedelta(minutes=minutes)).isoformat(), "to": end.isoformat(), "step": step}
    view = session.api.get(f"/v1/apps/{application['id']}/metrics", environment=session.environment(env), **query)
    session.output.show(view, render.metrics(view, minutes))
    if since := view.get("notMeasuredSince"):
        session.output.note(f"! {not_measured(since)}")
    session.output.next_step(session.command("logs --run", application), session.command("alert-rules list", application))


def timeline(
    session: Session,
    correlation_id: Annotated[
        str | None, typer.Argument(metavar="REQUEST", help=f"Correlation id of a request. {default('the latest deployment')}")
    ] = None,
    deployment: Deployment = None,
    app: App = None,
) -> None:
    """Show all that one request caused, in order.

    Lists commands, events and effects, each below its cause.
    """
    if correlation_id and deployment:
        raise UsageError("REQUEST and --deployment exclude each other")
    selected = correlation_id or _correlation_id(session, app, deployment)
    view = session.operations.monitor.timeline(selected)
    session.output.show(view, render.Timeline(view))
    session.output.next_step("capsule timeline --json   (with the ids of all messages)")


def _correlation_id(session: Session, app: str | None, deployment: str | None) -> str:
    """Return the correlation id of a deployment, or of the latest one."""
    application = session.application(app)
    base = f"/v1/apps/{application['id']}/deployments"
    if deployment:
        deployment_id = session.deployment_id(application, deployment)
    else:
        items = session.api.page(base, limit=1)
        if not items:
            raise NotFound(f"{application['name']} has no deployments", hint=session.command("deploy", application))
        deployment_id = str(items[0]["id"])
    return str(session.api.get(f"{base}/{segment(deployment_id)}")["correlationId"])


def _print_lines(session: Session, lines: list[Json], *, is_raw: bool) -> None:
    for line in lines:
        if is_raw:
            session.output.raw_line(line["line"])
        else:
            session.output.line(line, render.log_line(line))


def _require_process(session: Session, application: Json, process: str | None) -> None:
    """Raises NotFound for a process type without lines that no environment has."""
    if process is None or process in PROCESSES_OF_ALL:
        return
    environments = session.api.page(f"/v1/apps/{application['id']}/instances")
    known = {each["name"] for environment in environments for each in environment["processes"]}
    if process not in known:
        names = ", ".join([*sorted(known), *PROCESSES_OF_ALL])
        raise NotFound(f'{application["name"]} has no process type "{process}"', f"its process types: {names}")


def _explain_no_lines(session: Session, application: Json, *, is_filtered: bool) -> None:
    view = session.api.get(f"/v1/apps/{application['id']}/metrics", step=3600)
    if since := view.get("notMeasuredSince"):
        session.output.note(f"! {not_measured(since)} No lines arrive either.")
        return
    if is_filtered:
        session.output.note("No log lines match.")
        session.output.next_step(session.command("logs", application))
    else:
        session.output.note(f"{application['name']} has not logged anything yet. Deploy it, or send it a request:")
        session.output.next_step(session.command("deploy", application), session.command("open", application))
