"""What the build of a repository would do, before there is an application."""

import time
from typing import Annotated

import typer

from cli.app_settings import AppSettings, settings_options
from cli.client import Json
from cli.declaration import command
from cli.failures import ExitCode, Failure, UsageError
from cli.git import Clone
from cli.render import plan as render
from cli.repositories import command_of_page, expand_address, without_credentials
from cli.session import Session
from cli.settings import working_folder
from cli.team_lookup import Team, of_team

POLL_SECONDS, TIMEOUT_SECONDS = 1.0, 180.0
READ = ("branch", "directory", "builder", "buildCommand", "startCommand", "releaseCommand")
TokenStdin = Annotated[bool, typer.Option("--token-stdin", help="Read an access token for a private repository from standard input.")]


def declare(app: typer.Typer) -> None:
    command(app, "plan")(plan)


@settings_options
def plan(
    session: Session,
    repository: Annotated[str | None, typer.Argument(metavar="REPOSITORY", help="Address of the git repository, or owner/repo at GitHub.")] = None,
    team: Team = None,
    token_stdin: TokenStdin = False,
    *,
    settings: AppSettings,
) -> None:
    """Show what a build of a repository would do.

    Creates nothing: the repository is cloned and its build is planned. In a clone, the address of origin is the default.
    """
    changes = settings.changes()
    if unread := [name for name in changes if name not in READ]:
        raise UsageError(f"A plan does not depend on {', '.join(unread)}", hint="capsule plan --help")
    body = {**_source(repository), **{name: value for name, value in changes.items() if value is not None}}
    if token_stdin:
        body["token"] = typer.get_text_stream("stdin").readline().strip()
    accepted = session.api.post("/v1/inspections", body | of_team(session, team))
    view = _wait(session, accepted["id"])
    session.output.show(view, render.inspection(view))
    if view["problem"]:
        raise Failure("A build of it would fail", view["problem"]["detail"], exit_code=ExitCode.FAILED)
    session.output.next_step(f"capsule apps create NAME {view['repository']}")


def _source(repository: str | None) -> Json:
    if repository is not None:
        if page := command_of_page(repository):
            raise UsageError(f"{repository} is a page, not the address of a repository", hint=page.replace("apps create", "plan"))
        return {"repository": expand_address(repository)}
    clone = Clone.find(working_folder())
    if clone is None or clone.origin is None:
        raise UsageError("Pass a repository", "this folder is no clone with a remote origin", hint="capsule plan REPOSITORY")
    return {"repository": without_credentials(clone.origin), **({"directory": clone.prefix} if clone.prefix else {})}


def _wait(session: Session, inspection_id: str) -> Json:
    """Return the inspection when it has ended. Raises Failure."""
    until = time.monotonic() + TIMEOUT_SECONDS
    with session.output.progress("inspecting"):
        while True:
            view: Json = session.api.get(f"/v1/inspections/{inspection_id}")
            if view["state"] != "running":
                return view
            if time.monotonic() > until:
                raise Failure("The inspection takes too long", "Try again, or create the application: its build says the same.")
            time.sleep(POLL_SECONDS)
