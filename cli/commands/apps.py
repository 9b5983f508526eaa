"""Applications: list, create, show, update, rename, link, delete."""

from pathlib import Path
from typing import Annotated

import typer

from cli.app_settings import AppSettings, settings_options
from cli.client import Json
from cli.completion import application_names
from cli.declaration import command, subcommands
from cli.failures import UsageError
from cli.git import Clone
from cli.options import App, AppArgument, PasswordStdin, Yes, one_application
from cli.prompts import confirm, confirm_deletion, offer
from cli.render import apps as render
from cli.repositories import application_name, command_of_page, expand_address, image_name, is_address, without_credentials
from cli.session import Session
from cli.settings import PROJECT_FILE, working_folder
from cli.team_lookup import Team, of_team

Image = Annotated[str | None, typer.Option("--image", metavar="REFERENCE", help="Deploy an image, such as ghcr.io/ada/shop:1.4.")]
EXAMPLES = "capsule apps create NAME REPOSITORY, or --image REFERENCE"


def declare(app: typer.Typer) -> None:
    group = subcommands(app, "apps", "Create, show and change applications.")
    command(group, "list")(list_)
    command(group, "create")(create)
    command(group, "show")(show)
    command(group, "update")(update)
    command(group, "rename")(rename)
    command(group, "transfer")(transfer)
    command(group, "delete")(delete)
    command(app, "link")(link)


def list_(session: Session) -> None:
    """List your applications, newest first."""
    items = session.api.items("/v1/apps", limit=100)
    session.output.show(items, render.applications(items))
    session.output.next_step(*(["capsule link NAME", "capsule status --app NAME"] if items else ["capsule apps create NAME REPOSITORY"]))


@settings_options
def create(
    session: Session,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Part of its host name: lower-case letters, digits, hyphens.")] = None,
    repository: Annotated[str | None, typer.Argument(metavar="REPOSITORY", help="Address of the git repository, or owner/repo at GitHub.")] = None,
    image: Image = None,
    team: Team = None,
    is_linked: Annotated[bool, typer.Option("--link", help=f"Also link this folder: write the name to {PROJECT_FILE}.")] = False,
    *,
    settings: AppSettings,
) -> None:
    """Create an application from git or an image.

    In a clone, the address of origin and the name of the folder are the defaults.
    """
    if name and repository is None and is_address(name):
        name, repository = None, name
    body = settings.changes()
    if image:
        body["image"] = image
    if repository:
        if page := command_of_page(repository):
            raise UsageError(f"{repository} is a page, not the address of a repository", hint=page)
        body["repository"] = expand_address(repository)
    elif not image:
        body = {**_defaults_of_clone(session), **body}
        name = name or application_name(working_folder().name)
    body["name"] = name or application_name(image_name(image) if image else body["repository"])
    if not body["name"]:
        raise UsageError("The application needs a name that begins with a letter", hint=EXAMPLES)
    created = session.api.post("/v1/apps", body | of_team(session, team))
    if is_linked:
        _write_project_file(working_folder() / PROJECT_FILE, created["name"])
    session.output.show(created, render.created(created))
    session.output.next_step("capsule deploy" if is_linked else session.command("deploy", created))


def show(session: Session, app: AppArgument = None, app_option: App = None) -> None:
    """Show an application and its settings."""
    view = session.api.get(f"/v1/apps/{session.application(one_application(app, app_option))['id']}")
    session.output.show(view, render.application(view, has_settings=True))
    session.output.next_step(session.command("status" if view["environments"] else "deploy", view), f"capsule apps update {view['name']} --help")


@settings_options
def update(
    session: Session,
    app: AppArgument = None,
    app_option: App = None,
    repository: Annotated[
        str | None, typer.Option("--repository", metavar="REPOSITORY", help="Address of the git repository, or owner/repo at GitHub.")
    ] = None,
    image: Image = None,
    *,
    settings: AppSettings,
) -> None:
    """Change the source or settings of an application.

    A change takes effect at the next build. An empty value clears a setting: --branch ''.
    """
    application = session.application(one_application(app, app_option))
    body = settings.changes()
    if repository:
        body["repository"] = expand_address(repository)
    if image:
        body["image"] = image
    if not body:
        raise UsageError("Nothing to change", hint="Pass a setting, such as --branch main: capsule apps update --help")
    changed = session.api.patch(f"/v1/apps/{application['id']}", body)
    session.output.show(changed, render.updated(changed))
    session.output.next_step(session.command("deploy", application))


def rename(
    session: Session,
    app: Annotated[str, typer.Argument(metavar="APP", help="Application, by name or id.", autocompletion=application_names)],
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")],
) -> None:
    """Rename an application before its first deploy.

    After a deployment the name is part of its addresses and cannot change: create an application under the new name instead.
    """
    application = session.application(app)
    renamed = session.api.put(f"/v1/apps/{application['id']}/name", {"name": name})
    session.output.show(renamed, f"✓ Renamed {application['name']} to {renamed['name']}.")
    session.output.next_step(f"capsule link {renamed['name']}")


def link(session: Session, app: Annotated[str, typer.Argument(metavar="NAME", help="Application, by name or id.")]) -> None:
    """Select an application for this folder.

    Writes its name to capsule.toml, so that commands in this folder need no --app.
    """
    application = session.application(app)
    path = working_folder() / PROJECT_FILE
    _write_project_file(path, application["name"])
    session.output.show({"app": application["name"], "path": str(path)}, f"✓ {path} selects {application['name']}.")
    session.output.next_step("capsule status", "capsule deploy")


def transfer(
    session: Session,
    app: Annotated[str, typer.Argument(metavar="APP", help="Application, by name or id.", autocompletion=application_names)],
    team: Team = None,
    yes: Yes = False,
    password_stdin: PasswordStdin = False,
) -> None:
    """Move an application to another team.

    Without --team, to your personal team. The other team pays for what is used from then on.
    """
    application = session.application(app)
    target = of_team(session, team)
    session.output.note(
        f"This moves {application['name']} with its releases, variables, logs, alert rules and alert channels to {team or 'your personal team'}."
    )
    confirm("Move", application["name"], yes=yes)
    view = session.confirmed(lambda: session.api.post(f"/v1/apps/{application['id']}/transfer", target), from_stdin=password_stdin)
    session.output.show(view, f"✓ {application['name']} belongs to {team or 'your personal team'}. Its grants in the former team have ended.")
    session.output.next_step(session.command("alert-channels list", application), "capsule apps list")


def delete(session: Session, app: AppArgument = None, app_option: App = None, yes: Yes = False) -> None:
    """Delete an application and all it runs.

    Deletes its environments, releases and running workloads. Irreversible.
    """
    application = session.application(one_application(app, app_option))
    session.output.note(f"This deletes {application['name']} with its environments, releases and running workloads. Irreversible.")
    confirm_deletion(application["name"], yes=yes)
    accepted = session.api.delete(f"/v1/apps/{application['id']}")
    session.output.show(accepted, f"Deleting {application['name']}.")
    session.output.next_step("capsule apps list")


def _defaults_of_clone(session: Session) -> Json:
    """Return the address of origin, and the folder of a clone in which the command runs. Raises UsageError without an origin."""
    clone = Clone.find(working_folder())
    origin = clone.origin if clone else None
    if clone is None or origin is None:
        raise UsageError("Pass a repository or an image", "this folder is no clone with a remote origin", hint=EXAMPLES)
    address = without_credentials(origin)
    where = f", directory {clone.prefix}" if clone.prefix else ""
    secret = " (without the credentials in it)" if address != origin else ""
    offer(f"origin of this clone: {address}{secret}{where}", session.output, hint=EXAMPLES)
    return {"repository": address, **({"directory": clone.prefix} if clone.prefix else {})}


def _write_project_file(path: Path, name: str) -> None:
    """Set `app` and keep the rest of the file with its comments."""
    import tomlkit  # slow to import and needed only here

    document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
    document["app"] = name
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
