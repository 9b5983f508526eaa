"""Deployments: start, follow, cancel. A deployment runs on the server, whether a command follows it or not."""

from typing import Annotated

import typer
from rich.text import Text

from cli import unpublished
from cli.client import Json, segment
from cli.completion import deployment_ids, git_refs
from cli.declaration import command
from cli.failures import Failure, NotFound
from cli.follow import DeploymentFollower
from cli.git import Clone
from cli.help import default
from cli.operation_events import OperationEvents
from cli.options import App, Detach, Env, NoWait
from cli.render import deployments as render
from cli.render.failure_hints import failure_hint
from cli.session import Session
from cli.settings import working_folder


def declare(app: typer.Typer) -> None:
    command(app, "deploy")(deploy)
    command(app, "cancel")(cancel)


def deploy(
    session: Session,
    ref: Annotated[
        str | None,
        typer.Option("--ref", "-r", metavar="REF", help=f"Branch, tag or commit. {default('default branch')}", autocompletion=git_refs),
    ] = None,
    app: App = None,
    env: Env = None,
    detach: Detach = False,
    no_wait: NoWait = False,
) -> None:
    """Build and release a commit.

    Streams the build log. Once the release serves, it is observed: a crash, a restart or failing requests roll it back. Ctrl-C stops following;
    the deployment continues in the background.
    """
    application = session.application(app)
    _warn_of_unpublished_changes(session, application, ref)
    body = {"environment": session.environment(env)} | ({"ref": ref} if ref else {})
    accepted = session.api.post(f"/v1/apps/{application['id']}/deployments", body)
    session.output.note(render.requested(application["name"], accepted))
    follow(session, application, accepted, detach, until_serving=no_wait)


def cancel(
    session: Session,
    deployment: Annotated[
        str | None,
        typer.Argument(metavar="DEPLOYMENT", help=f"The beginning of its id. {default('the latest')}", autocompletion=deployment_ids),
    ] = None,
    app: App = None,
) -> None:
    """Cancel a running deployment.

    Traffic stays on, or returns to, the previous release.
    """
    application = session.application(app)
    base = f"/v1/apps/{application['id']}/deployments"
    if deployment is None:
        latest = session.api.page(base, limit=1)
        if not latest:
            raise NotFound(f"{application['name']} has no deployments", hint=session.command("deploy", application))
        deployment_id = str(latest[0]["id"])
    else:
        deployment_id = session.deployment_id(application, deployment)
    accepted = session.api.post(f"{base}/{segment(deployment_id)}/cancellation")
    view = session.api.get(f"/v1/apps/{application['id']}/deployments/{segment(deployment_id)}")
    session.output.show(accepted, render.cancelling(view))
    session.output.next_step(session.command(f"status {deployment_id}", application))


def _warn_of_unpublished_changes(session: Session, application: Json, ref: str | None) -> None:
    if Clone.find(working_folder()) is None:
        return
    view = application if "branch" in application else session.api.get(f"/v1/apps/{application['id']}")
    for sentence in unpublished.warnings(view, ref, working_folder()):
        session.output.note(Text.assemble(("! ", "yellow"), sentence))


def follow(session: Session, application: Json, accepted: Json, detach: bool, *, until_serving: bool = False) -> None:
    """Follow a deployment to its end, or until its release serves.

    Raises:
        Failure: the deployment failed.
    """
    name = application["name"]
    if detach:
        session.output.show(accepted, f"Deployment {accepted['id']} continues in the background.")
        session.output.next_step(*render.follow_commands(name, accepted["id"]))
        return
    try:
        with OperationEvents(session.api, accepted["id"]) as events:
            follower = DeploymentFollower(session.api, session.output, application, accepted["id"], until_serving=until_serving, events=events)
            ended = follower.follow()
    except KeyboardInterrupt:
        session.output.note("\nDeployment continues in the background. Follow it:")
        session.output.next_step(*render.follow_commands(name, accepted["id"]))
        raise
    except Failure:  # the API does not answer, or the sign-in has ended: that is not the deployment's failure
        session.output.note("\nThe deployment continues in the background; only following it ended. Follow it again:")
        session.output.next_step(*render.follow_commands(name, accepted["id"]))
        raise
    if ended["status"] == render.OBSERVING:
        session.output.show(ended, render.serving(ended))
        session.output.next_step(*render.follow_commands(name, ended["id"]))
        return
    if ended["status"] != "succeeded":
        session.output.show(ended)
        raise Failure(render.failure_title(ended), render.failure_detail(ended), hint=failure_hint(name, ended))
    session.output.show(ended, render.succeeded(ended))
    environment = ended["environment"]
    session.output.next_step(
        session.command(f"open --env {environment}", application), session.command(f"logs --follow --env {environment}", application)
    )
