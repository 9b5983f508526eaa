"""One-off commands: started on the server, attached to from here, ended with the command's own exit code."""

import shlex
import sys
import time
from typing import Annotated

import typer
from rich.text import Text

from cli.client import Json, segment
from cli.declaration import command
from cli.failures import ApiError, ExitCode, Failure
from cli.follow import logs_path
from cli.options import App, Env
from cli.render import running as render
from cli.render.printable import printable
from cli.session import Session

POLL_SECONDS = 0.5
END_POLL_SECONDS = 0.2
END_TIMEOUT_SECONDS = 30
"""After the output has ended: the cluster reports the end a moment later."""
MAX_ATTEMPTS, RETRY_SECONDS = 3, 1.0
"""To attach, each with a ticket of its own."""
QUIET_SECONDS = 2.5  # the log collector sends once a second
PAGE_SIZE = 1000
EXIT_CODE_WITHOUT_ONE = 1


def declare(app: typer.Typer) -> None:
    command(app, "run", context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True})(run)


def run(
    session: Session,
    words: Annotated[list[str], typer.Argument(metavar="COMMAND", help="A command with its arguments, or one quoted line for a shell.")],
    app: App = None,
    env: Env = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return at once; its output goes to the log.")] = False,
    no_terminal: Annotated[bool, typer.Option("--no-terminal", help="Use pipes, also from a terminal.")] = False,
    stop: Annotated[int | None, typer.Option("--stop-seconds", metavar="SECONDS", help="Between SIGTERM and SIGKILL (default: 30).")] = None,
) -> None:
    """Run a one-off command in an environment.

    It runs with the image, variables, secrets and size of the release that serves, for at most an hour. Options come before COMMAND. From a
    terminal it gets a terminal: `capsule run bash`. Otherwise it gets pipes: `capsule run ./import < data.csv`. The exit code is that of the
    command. Its output is not logged, except with --detach or --json.
    """
    application, name = session.application(app), session.environment(env)
    base = f"/v1/apps/{application['id']}"
    line = words[0] if len(words) == 1 else shlex.join(words)
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not no_terminal
    streams = "logged" if detach or session.output.as_json else "terminal" if is_terminal else "pipes"
    body = {"command": line, "streams": streams, **({} if stop is None else {"stopSeconds": stop})}
    accepted = session.api.post(f"{base}/environments/{segment(name)}/runs", body)
    session.output.note(f"Running in {name} of {application['name']} (r{accepted['release']})")
    if detach:
        session.output.show(accepted, f"Command {accepted['id']} continues in the background.")
        session.output.next_step(session.command(f"logs --follow --deployment {accepted['id']}", application))
        return
    try:
        if streams == "logged":
            ended = follow_logged(session, application, accepted["id"])
        else:
            ended = attach_and_wait(session, application, accepted["id"], is_new=True)
    except KeyboardInterrupt:
        _cancel(session, base, accepted["id"])
        session.output.note("\nCancelled.")
        raise
    session.output.show(ended)
    finish(session, ended)


def finish(session: Session, ended: Json) -> None:
    """Print how the command ended, and end with its exit code."""
    session.output.note(render.ended(ended))
    raise typer.Exit(EXIT_CODE_WITHOUT_ONE if ended["exitCode"] is None else ended["exitCode"])


def attach_and_wait(session: Session, application: Json, run_id: str, *, is_new: bool) -> Json:
    """Attach to a command, and return it when it has ended.

    `is_new`: nobody was attached before, so a command to which this cannot attach is cancelled.

    Raises:
        Failure: the connection was refused or lost. The command goes on.
    """
    from cli.attach import Ending, Refused, attach  # its WebSocket library is slow to import, and no other command needs it

    base = f"/v1/apps/{application['id']}"
    for attempts_left in reversed(range(MAX_ATTEMPTS)):
        try:
            ticket = session.api.post(f"{base}/runs/{segment(run_id)}/attachments")
        except ApiError as error:
            if is_new and error.type == "run-has-ended":  # the cluster refused it
                return session.api.get(f"{base}/runs/{segment(run_id)}")
            raise
        try:
            ending, reason = attach(ticket, session.ca_file, forwards_input=ticket["streams"] == "terminal" or not sys.stdin.isatty())
        except Refused as refused:
            view = session.api.get(f"{base}/runs/{segment(run_id)}")
            if view["finishedAt"] is not None:
                return view
            if attempts_left and refused.exit_code is ExitCode.UNAVAILABLE:
                time.sleep(RETRY_SECONDS)
                continue
            if is_new:
                _cancel(session, base, run_id)
            raise
        if ending is Ending.LOST:
            _raise_lost(session, application, run_id, ticket["streams"] == "terminal", reason)
        return _await_end(session, base, run_id)
    raise AssertionError("the last attempt returns or raises")


def _raise_lost(session: Session, application: Json, run_id: str, has_terminal: bool, reason: str) -> None:
    verb = "attach" if has_terminal else "show"
    detail = f"{reason or 'The connection was lost.'} The command may go on{'' if has_terminal else ', without further input'}."
    raise Failure("Detached", detail, hint=session.command(f"runs {verb} {run_id}", application), exit_code=ExitCode.UNAVAILABLE)


def _await_end(session: Session, base: str, run_id: str) -> Json:
    deadline = time.monotonic() + END_TIMEOUT_SECONDS
    while True:
        view = session.api.get(f"{base}/runs/{segment(run_id)}")
        if view["finishedAt"] is not None:
            return view
        if time.monotonic() > deadline:
            raise Failure(
                "The output has ended, but the cluster reports no exit code", hint=f"capsule runs show {run_id}", exit_code=ExitCode.UNAVAILABLE
            )
        time.sleep(END_POLL_SECONDS)


def _cancel(session: Session, base: str, run_id: str) -> None:
    session.api.post(f"{base}/runs/{segment(run_id)}/cancellation")


def follow_logged(session: Session, application: Json, run_id: str) -> Json:
    """Print the output until the command has ended and no line has come for a while. Return the run."""
    path = f"/v1/apps/{application['id']}/runs/{segment(run_id)}"
    cursor, quiet_since = "0", time.monotonic()
    while True:
        view = session.api.get(path)
        if view["finishedAt"] is None:
            quiet_since = time.monotonic()
        page = session.api.get(logs_path(application), deployment=run_id, limit=PAGE_SIZE, after=cursor)
        cursor = page["cursor"]
        for line in page["lines"]:
            _print_line(session, line)
            quiet_since = time.monotonic()
        if view["finishedAt"] is not None and time.monotonic() - quiet_since >= QUIET_SECONDS:
            return dict(view)
        time.sleep(POLL_SECONDS)


def _print_line(session: Session, line: Json) -> None:
    if session.output.as_json:
        return
    console = session.output.err if line["stream"] == "stderr" else session.output.out
    console.print(Text(printable(line["line"])), soft_wrap=True)
