"""Schedules: commands that run at the times of a cron expression, and their history."""

import shlex
from typing import Annotated

import typer

from cli.client import Json, segment
from cli.commands.run import finish, follow_logged
from cli.declaration import command, subcommands
from cli.failures import UsageError
from cli.lookup import resolve_id
from cli.options import App, Detach, Env, EnvFilter
from cli.render import cron as render
from cli.render import observe as render_observe
from cli.session import Session

Schedule = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Id of the schedule, or its beginning: capsule cron list")]
Zone = Annotated[str | None, typer.Option("--tz", metavar="ZONE", help="Time zone of the IANA database (default: UTC).")]
OverlapOption = Annotated[
    str | None, typer.Option("--overlap", metavar="POLICY", help="While the previous run goes on: allow, forbid (default) or replace.")
]
Timeout = Annotated[int | None, typer.Option("--timeout", metavar="SECONDS", help="Time limit of a run (default: 3600).")]
Stop = Annotated[int | None, typer.Option("--stop-seconds", metavar="SECONDS", help="Between SIGTERM and SIGKILL (default: 30).")]


def declare(app: typer.Typer) -> None:
    group = subcommands(app, "cron", "Run commands on a schedule, see their history.")
    command(group, "add")(add)
    command(group, "list")(list_schedules)
    command(group, "change")(change)
    command(group, "pause")(pause)
    command(group, "resume")(resume)
    command(group, "run")(run_now)
    command(group, "history")(history)
    command(group, "logs")(logs)
    command(group, "delete")(delete)


def add(
    session: Session,
    cron: Annotated[str, typer.Argument(metavar="CRON", help='Five fields in quotes: minute, hour, day, month, weekday. "0 3 * * *", or @daily.')],
    words: Annotated[list[str], typer.Argument(metavar="COMMAND", help="After --: a command with its arguments, or one quoted line for a shell.")],
    app: App = None,
    env: Env = None,
    time_zone: Zone = None,
    overlap: OverlapOption = None,
    timeout: Timeout = None,
    stop: Stop = None,
) -> None:
    """Run a command on a schedule.

    It runs with the image, variables, secrets and size of the release that serves then: capsule cron add "0 3 * * *" --tz Europe/Berlin -- python
    manage.py nightly
    """
    application, name = session.application(app), session.environment(env)
    body = {"cron": cron, "command": _line(words), **_settings(time_zone, overlap, timeout, stop)}
    created = session.api.post(f"/v1/apps/{application['id']}/environments/{segment(name)}/schedules", body)
    session.output.show(created, render.schedule(created))
    session.output.next_step(session.command(f"cron run {created['id'][:13]}", application), session.command("cron list", application))


def list_schedules(session: Session, app: App = None, env: EnvFilter = None) -> None:
    """List schedules with their next and last runs."""
    application = session.application(app)
    items = session.api.items(f"/v1/apps/{application['id']}/schedules", environment=env)
    session.output.show(items, render.schedules(items))
    session.output.next_step(session.command("cron history SCHEDULE" if items else 'cron add "0 3 * * *" -- COMMAND', application))


def change(
    session: Session,
    schedule: Schedule,
    app: App = None,
    cron: Annotated[str | None, typer.Option("--cron", metavar="CRON", help="Another cron expression.")] = None,
    line: Annotated[str | None, typer.Option("--command", metavar="LINE", help="Another command, as one line for a shell.")] = None,
    time_zone: Zone = None,
    overlap: OverlapOption = None,
    timeout: Timeout = None,
    stop: Stop = None,
) -> None:
    """Change a schedule."""
    settings = {name: value for name, value in (("cron", cron), ("command", line)) if value is not None}
    body = {**settings, **_settings(time_zone, overlap, timeout, stop)}
    if not body:
        raise UsageError("Nothing to change", hint='capsule cron change SCHEDULE --cron "0 4 * * *"')
    _change(session, schedule, app, body)


def pause(session: Session, schedule: Schedule, app: App = None) -> None:
    """Pause a schedule: nothing starts until resume."""
    _change(session, schedule, app, {"isPaused": True})


def resume(session: Session, schedule: Schedule, app: App = None) -> None:
    """Resume a paused schedule."""
    _change(session, schedule, app, {"isPaused": False})


def run_now(session: Session, schedule: Schedule, app: App = None, detach: Detach = False) -> None:
    """Run the command of a schedule now.

    Prints its output; the exit code is that of the command.
    """
    application = session.application(app)
    accepted = session.api.post(f"{_path(session, application, schedule)}/runs")
    session.output.note(f"Running in {accepted['environment']} of {application['name']}: {accepted['command']}")
    if detach:
        session.output.show(accepted, f"Command {accepted['id']} continues in the background.")
        session.output.next_step(session.command(f"cron history {schedule}", application))
        return
    ended = follow_logged(session, application, accepted["id"])
    session.output.show(ended)
    finish(session, ended)


def history(session: Session, schedule: Schedule, app: App = None) -> None:
    """List the runs of a schedule, newest first.

    They are kept for 30 days.
    """
    application = session.application(app)
    items = session.api.page(f"{_path(session, application, schedule)}/runs", limit=50)
    session.output.show(items, render.history(items))
    session.output.next_step(session.command("cron logs RUN" if items else f"cron run {schedule}", application))


def logs(
    session: Session,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id of the run, or its beginning: capsule cron history SCHEDULE")],
    app: App = None,
) -> None:
    """Print the log of a run."""
    application = session.application(app)
    base = f"/v1/apps/{application['id']}"
    run_id = resolve_id("run", run, lambda: [str(each["id"]) for each in session.api.items(f"{base}/runs", limit=100)], hint="capsule runs list")
    view = session.api.get(f"{base}/runs/{segment(run_id)}")
    page = session.api.get(f"/v2/apps/{application['id']}/logs", limit=1000, deployment=view["logId"], **render.log_period(view))
    for each in page["lines"]:
        session.output.line(each, render_observe.log_line(each))
    if not page["lines"]:
        session.output.note("It has logged nothing.")


def delete(session: Session, schedule: Schedule, app: App = None) -> None:
    """Delete a schedule; a run that goes on is ended."""
    application = session.application(app)
    deleted = session.api.delete(_path(session, application, schedule))
    session.output.show(deleted, f"✓ Deleted schedule {deleted['id']}.")
    session.output.next_step(session.command("cron list", application))


def _line(words: list[str]) -> str:
    return words[0] if len(words) == 1 else shlex.join(words)


def _settings(time_zone: str | None, overlap: str | None, timeout: int | None, stop: int | None) -> Json:
    settings = {"timeZone": time_zone, "overlap": overlap, "timeoutSeconds": timeout, "stopSeconds": stop}
    return {name: value for name, value in settings.items() if value is not None}


def _change(session: Session, schedule: str, app: str | None, body: Json) -> None:
    application = session.application(app)
    changed = session.api.patch(_path(session, application, schedule), body)
    session.output.show(changed, render.schedule(changed))
    session.output.next_step(session.command("cron list", application))


def _path(session: Session, application: Json, schedule: str) -> str:
    base = f"/v1/apps/{application['id']}/schedules"
    schedule_id = resolve_id("schedule", schedule, lambda: [str(each["id"]) for each in session.api.items(base)], hint="capsule cron list")
    return f"{base}/{segment(schedule_id)}"
