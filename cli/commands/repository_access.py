"""Private repositories: the deploy key for ssh, the access token for https, the keys of ssh servers."""

from pathlib import Path
from typing import Annotated

import typer

from cli.client import Json
from cli.declaration import command, subcommands
from cli.failures import UsageError
from cli.options import App
from cli.prompts import ask_token
from cli.render import repository_access as render
from cli.session import Session


def declare(app: typer.Typer) -> None:
    key = subcommands(app, "key", "Show and rotate the deploy key (ssh).")
    command(key, "show")(show_key)
    command(key, "rotate")(rotate_key)
    token = subcommands(app, "token", "Set and remove the access token (https).")
    command(token, "show")(show_token)
    command(token, "set")(set_token)
    command(token, "remove")(remove_token)
    host_keys = subcommands(app, "host-keys", "List, set and forget the keys of ssh servers.")
    command(host_keys, "list")(list_host_keys)
    command(host_keys, "set")(set_host_keys)
    command(host_keys, "forget")(forget_host_keys)


def show_key(session: Session, app: App = None) -> None:
    """Show the application's public deploy key.

    Creates the key at the first call. Add the line to the deploy keys of the repository at its host, with read access.
    """
    application = session.application(app)
    view = session.api.put(f"{_path(application)}/deploy-key", {})
    session.output.show(view, *render.key(view))
    session.output.next_step(session.command("deploy", application))


def rotate_key(session: Session, app: App = None) -> None:
    """Replace the deploy key by a new one.

    The next deployment uses the new key: add it at the repository's host first, and remove the former one there.
    """
    application = session.application(app)
    view = session.api.post(f"{_path(application)}/deploy-key/rotate", {})
    session.output.show(view, *render.key(view))
    session.output.note("Remove the former key at the repository's host.")
    session.output.next_step(session.command("deploy", application))


def show_token(session: Session, app: App = None) -> None:
    """Show for which server a token is stored."""
    application = session.application(app)
    view = session.api.get(f"{_path(application)}/repository-access")
    session.output.show(view["token"], render.token(view["token"]))
    session.output.next_step(session.command("deploy" if view["token"] else "token set", application))


def set_token(
    session: Session,
    app: App = None,
    user: Annotated[str | None, typer.Option("--user", metavar="NAME", help="User name of the token; most hosts accept any.")] = None,
    from_stdin: Annotated[bool, typer.Option("--token-stdin", help="Read the token from standard input.")] = False,
) -> None:
    """Store an access token for the repository.

    Asks for the token, and never shows it. Only the server of the application's repository gets it.
    """
    application = session.application(app)
    body = {"token": ask_token(from_stdin=from_stdin)} | ({"user": user} if user else {})
    view = session.api.put(f"{_path(application)}/repository-token", body)
    session.output.show(view, render.token(view))
    session.output.next_step(session.command("deploy", application))


def remove_token(session: Session, app: App = None) -> None:
    """Remove the access token."""
    application = session.application(app)
    view = session.api.delete(f"{_path(application)}/repository-token")
    session.output.show(view, "✓ No token is stored. Revoke it at the repository's host too.")
    session.output.next_step(session.command("token set", application))


def list_host_keys(session: Session, app: App = None) -> None:
    """List the known keys of ssh servers."""
    application = session.application(app)
    view = session.api.get(f"{_path(application)}/repository-access")
    session.output.show(view["hostKeys"], render.host_keys(view["hostKeys"]))
    session.output.next_step(session.command("host-keys set --file known_hosts", application))


def set_host_keys(
    session: Session,
    keys: Annotated[list[str] | None, typer.Argument(metavar="KEY", help="Lines of known_hosts, or type and key of the repository's host.")] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", metavar="FILE", exists=True, dir_okay=False, help="Read lines of known_hosts.")] = None,
    app: App = None,
) -> None:
    """Set the known keys of ssh servers.

    They replace the stored ones. `ssh-keyscan HOST` prints a server's keys; compare them with those that the host publishes.
    """
    text = file.read_text(encoding="utf-8") if file else ""
    lines = [line for line in (*text.splitlines(), *(keys or [])) if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise UsageError("Nothing to set", hint='capsule host-keys set "github.com ssh-ed25519 AAAA…", or --file FILE')
    _put_host_keys(session, session.application(app), lines)


def forget_host_keys(session: Session, app: App = None) -> None:
    """Forget the known keys of ssh servers.

    The next deployment trusts the key that the server presents, and stores it.
    """
    _put_host_keys(session, session.application(app), [])


def _put_host_keys(session: Session, application: Json, lines: list[str]) -> None:
    view = session.api.put(f"{_path(application)}/host-keys", {"hostKeys": lines})
    session.output.show(view, render.host_keys(view["hostKeys"]))
    session.output.next_step(session.command("deploy", application))


def _path(application: Json) -> str:
    return f"/v1/apps/{application['id']}"
