"""From a commit to a URL: `deploy` asks and follows; what is asked for goes on by itself, whether anybody looks or not."""

from typing import Annotated

import typer

from cli.client import Json, segment
from cli.declaring import command
from cli.failures import Failure, NoSuch
from cli.follow import Following
from cli.options import App, Env
from cli.render import deployments as render
from cli.session import Session

Detach = Annotated[bool, typer.Option("--detach", "-d", help="Do not wait for the end.")]


def declare(app: typer.Typer) -> None:
    command(app, "deploy")(deploy)
    command(app, "cancel")(cancel)


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


def cancel(
    session: Session,
    deployment: Annotated[str | None, typer.Argument(metavar="[DEPLOYMENT]", help="Its id; else the latest.")] = None,
    app: App = None,
) -> None:
    """Give a deployment up while it runs. What serves goes on serving; a release that has the traffic already is taken back."""
    application = session.application(app)
    base = f"/v1/apps/{application['id']}/deployments"
    if deployment is None:
        latest = session.api.get(base, limit=1)["items"]
        if not latest:
            raise NoSuch(f"{application['name']} has no deployment yet", hint="capsule deploy")
        deployment = str(latest[0]["id"])
    asked = session.api.post(f"{base}/{segment(deployment)}/cancellation")
    session.output.show(asked, "It is being cancelled.")


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
        raise Failure(render.failure_title(ended), ended["detail"] or "", hint=render.where_to_look(application["name"], ended))
