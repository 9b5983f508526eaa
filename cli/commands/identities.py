"""Identities at providers with which the account signs in: list and unlink. They are linked in the dashboard, in a browser."""

from typing import Annotated

import typer

from cli.client import segment
from cli.completion import identity_ids
from cli.declaration import command, subcommands
from cli.lookup import resolve_id
from cli.options import PasswordStdin
from cli.render import identities as render
from cli.session import Session

PATH = "/v1/users/me/identities"
IdentityId = Annotated[
    str,
    typer.Argument(metavar="ID", help="The beginning of its id, as `capsule account identities list` shows it.", autocompletion=identity_ids),
]


def declare(app: typer.Typer) -> None:
    account = subcommands(app, "account", "Secure, delete, restore or export your account.")
    identities = subcommands(account, "identities", "List and unlink the providers you sign in with.")
    command(identities, "list")(list_identities)
    command(identities, "unlink")(unlink_identity)


def list_identities(session: Session) -> None:
    """List the providers that are linked to you.

    Link one on the page Account of the dashboard.
    """
    items = session.operations.auth.identities()["items"]
    session.output.show(items, render.identities(items))
    session.output.next_step("capsule account identities unlink ID")


def unlink_identity(session: Session, id: IdentityId, password_stdin: PasswordStdin = False) -> None:
    """Unlink a provider from your account.

    Refused if it is the only way to sign in.
    """
    identity_id = resolve_id(
        "identity", id, lambda: [each["id"] for each in session.operations.auth.identities()["items"]], hint="capsule account identities list"
    )
    session.confirmed(lambda: session.api.delete(f"{PATH}/{segment(identity_id)}"), from_stdin=password_stdin)
    session.output.show({"id": identity_id}, "✓ The provider is unlinked. It no longer signs in to your account.")
    session.output.next_step("capsule account identities list")
