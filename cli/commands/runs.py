"""The one-off commands of an application: list them, see how one ended, attach again, cancel."""

from typing import Annotated

import typer

from cli.client import Json, segment
from cli.commands.run import attach_and_wait, finish
from cli.declaration import command, subcommands
from cli.lookup import resolve_id
from cli.options import App
from cli.render import running as render
from cli.session import Session

Run = Annotated[str, typer.Argument(metavar="RUN", help="Id of the command, or its beginning: capsule runs list")]


def declare(app: typer.Typer) -> None:
    group = subcommands(app, "runs", "See one-off commands, attach to one, cancel one.")
    command(group, "list")(list_runs)
    command(group, "show")(show)
    command(group, "attach")(attach)
    command(group, "cancel")(cancel)


def list_runs(session: Session, app: App = None) -> None:
    """List one-off commands, newest first.

    They are kept for 30 days.
    """
    application = session.application(app)
    items = session.api.page(f"/v1/apps/{application['id']}/runs", limit=50)
    session.output.show(items, render.runs(items))
    session.output.next_step(session.command("runs show RUN" if items else "run COMMAND", application))


def show(session: Session, run: Run, app: App = None) -> None:
    """Show a one-off command and its exit code."""
    application = session.application(app)
    view = session.api.get(_path(session, application, run))
    session.output.show(view, render.run(view))
    if view["finishedAt"] is None and view["streams"] == "terminal":
        session.output.next_step(session.command(f"runs attach {view['id']}", application))
    else:
        session.output.next_step(session.command(f"logs --deployment {view['id']}" if view["streams"] == "logged" else "runs list", application))


def attach(session: Session, run: Run, app: App = None) -> None:
    """Attach to a command with a terminal again.

    For after a lost connection. The exit code is that of the command. What it wrote in the meantime is not shown again.
    """
    application = session.application(app)
    run_id = str(session.api.get(_path(session, application, run))["id"])
    finish(session, attach_and_wait(session, application, run_id, is_new=False))


def cancel(session: Session, run: Run, app: App = None) -> None:
    """Cancel a one-off command.

    Its processes get SIGTERM.
    """
    application = session.application(app)
    cancelled = session.api.post(f"{_path(session, application, run)}/cancellation")
    session.output.show(cancelled, f"The command {cancelled['id']} is {cancelled['status']}.")
    session.output.next_step(session.command("runs list", application))


def _path(session: Session, application: Json, run: str) -> str:
    base = f"/v1/apps/{application['id']}/runs"
    run_id = resolve_id("command", run, lambda: [str(each["id"]) for each in session.api.items(base, limit=100)], hint="capsule runs list")
    return f"{base}/{segment(run_id)}"
