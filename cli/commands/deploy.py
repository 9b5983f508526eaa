"""From a commit to a URL: `deploy` asks and follows; what is asked for goes on by itself, whether anybody looks or not."""

from typing import Annotated

import typer

from cli.client import Json
from cli.declaring import command
from cli.failures import Failure
from cli.follow import Following
from cli.options import App, Env
from cli.render import deployments as render
from cli.session import Session

Detach = Annotated[bool, typer.Option("--detach", "-d", help="Do not wait for the end.")]


def declare(app: typer.Typer) -> None:
    command(app, "deploy")(deploy)


def deploy(
    session: Session,
    ref: Annotated[str | None, typer.Option("--ref", "-r", metavar="REF", help="A branch, a tag or a commit; else the default branch.")] = None,
    app: App = None,
    env: Env = None,
    detach: Detach = False,
) -> None:
    """Build a commit and put it where its URL answers, with the build's log as it comes. Ctrl-C stops watching, not the deployment."""
    application = session.application(app)
    body = {"environment": session.environment(env)} | ({"ref": ref} if ref else {})
    asked = session.api.post(f"/v1/apps/{application['id']}/deployments", body)
    session.output.note(render.requested(application["name"], asked))
    watch(session, application, asked, detach)


def watch(session: Session, application: Json, asked: Json, detach: bool) -> None:
    """To the end; one that ended badly ends the command so."""
    if detach:
        session.output.show(asked, render.how_to_follow(application["name"], asked["id"]))
        return
    try:
        ended = Following(session, application, asked["id"]).to_the_end()
    except KeyboardInterrupt:
        session.output.note("\nThe deployment goes on without you watching.\n" + render.how_to_follow(application["name"], asked["id"]))
        raise
    succeeded = ended["status"] == "succeeded"
    session.output.show(ended, *([render.succeeded(ended)] if succeeded else []))
    if not succeeded:
        raise Failure(
            render.failure_title(ended), ended["detail"] or "", hint=f"capsule logs --app {application['name']} --deployment {ended['id']} --build"
        )
