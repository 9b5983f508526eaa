"""Releases: list them, roll back to one, promote one to another environment. Nothing is built."""

from typing import Annotated

import typer

from cli.client import segment
from cli.commands.deploy import follow
from cli.completion import environment_names, release_names
from cli.declaration import command
from cli.help import default
from cli.options import App, Detach, Env, Release, parse_release
from cli.render import deployments as render_deployments
from cli.render import releases as render
from cli.session import Session


def declare(app: typer.Typer) -> None:
    command(app, "releases")(releases)
    command(app, "rollback")(rollback)
    command(app, "promote")(promote)


def releases(
    session: Session,
    release: Annotated[str | None, typer.Argument(metavar="rN", help="Show one release.", autocompletion=release_names)] = None,
    app: App = None,
) -> None:
    """List releases, newest first."""
    application, number = session.application(app), parse_release(release)
    base = f"/v1/apps/{application['id']}/releases"
    if number is not None:
        view = session.api.get(f"{base}/{number}")
        session.output.show(view, render.release(view))
        session.output.next_step(session.command(f"rollback --release r{number}", application))
        return
    items = session.api.page(base, limit=50)
    session.output.show(items, render.releases(items))
    session.output.next_step(session.command("promote" if items else "deploy", application))


def rollback(session: Session, release: Release = None, app: App = None, env: Env = None, detach: Detach = False) -> None:
    """Return to an earlier release without a build.

    Without --release, returns to the last release that served before.
    """
    application, environment, number = session.application(app), session.environment(env), parse_release(release)
    body = {"release": number} if number else {}
    accepted = session.api.post(f"/v1/apps/{application['id']}/environments/{segment(environment)}/rollbacks", body)
    session.output.note(render_deployments.requested(application["name"], accepted))
    follow(session, application, accepted, detach)


def promote(
    session: Session,
    source: Annotated[
        str, typer.Option("--from", metavar="NAME", help=f"Environment that serves it. {default('staging')}", show_default=False,
                          autocompletion=environment_names)
    ] = "staging",
    target: Annotated[
        str, typer.Option("--to", metavar="NAME", help=f"Environment to deploy to. {default('production')}", show_default=False,
                          autocompletion=environment_names)
    ] = "production",
    release: Release = None,
    app: App = None,
    detach: Detach = False,
) -> None:  # fmt: skip
    """Deploy a release to another environment.

    The image is the same; nothing is built.
    """
    application, number = session.application(app), parse_release(release)
    body = {"from": source, "to": target} | ({"release": number} if number else {})
    accepted = session.api.post(f"/v1/apps/{application['id']}/promotions", body)
    session.output.note(render_deployments.requested(application["name"], accepted))
    follow(session, application, accepted, detach)
