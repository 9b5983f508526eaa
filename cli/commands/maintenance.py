"""A page for visitors instead of the application."""

from typing import Annotated

import typer

from cli.client import segment
from cli.declaration import command, subcommands
from cli.options import App, Env
from cli.session import Session

Message = Annotated[str | None, typer.Option("--message", "-m", metavar="TEXT", help="What visitors read, in one line.")]
RetryAfter = Annotated[int | None, typer.Option("--retry-after", metavar="SECONDS", min=1, help="When programs should try again (default: 300).")]


def declare(app: typer.Typer) -> None:
    group = subcommands(app, "maintenance", "Show visitors a maintenance page.")
    command(group, "on")(on)
    command(group, "off")(off)


def on(session: Session, app: App = None, env: Env = None, message: Message = None, retry_after: RetryAfter = None) -> None:
    """Show visitors a page instead of the application.

    Status 503; programs get a problem document. Deployments go on, and the page stays through them. Again with another
    message, it replaces the page.
    """
    application, name = session.application(app), session.environment(env)
    body = {"message": message, **({} if retry_after is None else {"retryAfterSeconds": retry_after})}
    accepted = session.api.put(_path(application["id"], name), body)
    session.output.show(accepted, f"✓ {name} of {application['name']} is in maintenance. Visitors get the page, with status 503.")
    session.output.next_step(session.command(f"maintenance off --env {name}", application))


def off(session: Session, app: App = None, env: Env = None) -> None:
    """Let visitors reach the application again."""
    application, name = session.application(app), session.environment(env)
    accepted = session.api.delete(_path(application["id"], name))
    place = f"{name} of {application['name']}"
    session.output.show(accepted, f"✓ Visitors reach {place} again." if accepted["startedAt"] else f"{place} has no maintenance.")
    session.output.next_step(session.command("status", application))


def _path(application_id: str, environment: str) -> str:
    return f"/v1/apps/{application_id}/environments/{segment(environment)}/maintenance"
