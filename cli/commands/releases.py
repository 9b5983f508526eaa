"""What has run can run again: releases, going back to one, and taking one from staging to production without a build."""

from typing import Annotated

import typer

from cli.client import segment
from cli.commands.deploy import Detach, watch
from cli.declaring import command
from cli.options import App, Env
from cli.render import deployments as render_deployments
from cli.render import releases as render
from cli.session import Session

Release = Annotated[int | None, typer.Option("--release", metavar="NUMBER", min=1, help="Its number, as `capsule releases` shows it.")]


def declare(app: typer.Typer) -> None:
    command(app, "releases")(releases)
    command(app, "rollback")(rollback)
    command(app, "promote")(promote)


def releases(
    session: Session,
    number: Annotated[int | None, typer.Argument(metavar="[NUMBER]", min=1, help="One release, whole.")] = None,
    app: App = None,
) -> None:
    """The releases of an application, newest first; all of them can run again."""
    base = f"/v1/apps/{session.application(app)['id']}/releases"
    if number is not None:
        found = session.api.get(f"{base}/{number}")
        session.output.show(found, render.release(found))
        return
    items = session.api.get(base, limit=50)["items"]
    session.output.show(items, render.releases(items))


def rollback(session: Session, release: Release = None, app: App = None, env: Env = None, detach: Detach = False) -> None:
    """Go back to a release that ran before: the last one, or any. Nothing is built."""
    application, environment = session.application(app), session.environment(env)
    body = {"release": release} if release else {}
    asked = session.api.post(f"/v1/apps/{application['id']}/environments/{segment(environment)}/rollbacks", body)
    session.output.note(render_deployments.requested(application["name"], asked))
    watch(session, application, asked, detach)


def promote(
    session: Session,
    source: Annotated[str, typer.Option("--from", metavar="NAME", help="Where it runs.")] = "staging",
    target: Annotated[str, typer.Option("--to", metavar="NAME", help="Where it shall run too.")] = "production",
    release: Release = None,
    app: App = None,
    detach: Detach = False,
) -> None:
    """Take what runs in one environment to another: the same image, and nothing is built."""
    application = session.application(app)
    body = {"from": source, "to": target} | ({"release": release} if release else {})
    asked = session.api.post(f"/v1/apps/{application['id']}/promotions", body)
    session.output.note(render_deployments.requested(application["name"], asked))
    watch(session, application, asked, detach)
