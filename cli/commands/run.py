"""One-off commands: started on the server, followed here, ended with the command's own exit code."""

import shlex
import time
from typing import Annotated

import typer
from rich.text import Text

from cli.client import Json, segment
from cli.declaration import command
from cli.options import App, Env
from cli.render import running as render
from cli.render.printable import printable
from cli.session import Session

POLL_SECONDS = 0.5
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
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return at once; do not wait for its end.")] = False,
) -> None:
    """Run a one-off command in an environment.

    It runs with the image, variables, secrets and size of the release that serves, for at most an hour. Options come before COMMAND. There is no
    terminal and no standard input. The exit code is that of the command; Ctrl-C cancels it.
    """
    application, name = session.application(app), session.environment(env)
    base = f"/v1/apps/{application['id']}"
    line = words[0] if len(words) == 1 else shlex.join(words)
    accepted = session.api.post(f"/v1/apps/{application['id']}/environments/{segment(name)}/runs", {"command": line})
    session.output.note(f"Running in {name} of {application['name']} (r{accepted['release']})")
    if detach:
        session.output.show(accepted, f"Command {accepted['id']} continues in the background.")
        session.output.next_step(session.command(f"logs --follow --deployment {accepted['id']}", application))
        return
    try:
        ended = _follow(session, base, accepted["id"])
    except KeyboardInterrupt:
        session.api.post(f"{base}/runs/{segment(accepted['id'])}/cancellation")
        session.output.note("\nCancelled.")
        raise
    session.output.show(ended)
    session.output.note(render.ended(ended))
    raise typer.Exit(EXIT_CODE_WITHOUT_ONE if ended["exitCode"] is None else ended["exitCode"])


def _follow(session: Session, base: str, run_id: str) -> Json:
    """Print the output until the command has ended and no line has come for a while. Return the run."""
    cursor, quiet_since = "0", time.monotonic()
    while True:
        view = session.api.get(f"{base}/runs/{segment(run_id)}")
        if view["finishedAt"] is None:
            quiet_since = time.monotonic()
        page = session.api.get(f"{base}/logs", deployment=run_id, limit=PAGE_SIZE, after=cursor)
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
