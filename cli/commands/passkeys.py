"""Passkeys of the account: list, rename and delete. They are added in the dashboard: a browser makes them."""

from typing import Annotated

import typer

from cli.client import segment
from cli.completion import passkey_ids
from cli.declaration import command, subcommands
from cli.lookup import resolve_id
from cli.options import PasswordStdin
from cli.render import passkeys as render
from cli.session import Session

PATH = "/v1/users/me/passkeys"
PasskeyId = Annotated[
    str, typer.Argument(metavar="ID", help="The beginning of its id, as `capsule account passkeys list` shows it.", autocompletion=passkey_ids)
]


def declare(app: typer.Typer) -> None:
    account = subcommands(app, "account", "Secure, delete, restore or export your account.")
    passkeys = subcommands(account, "passkeys", "List, rename and delete your passkeys.")
    command(passkeys, "list")(list_passkeys)
    command(passkeys, "rename")(rename_passkey)
    command(passkeys, "delete")(delete_passkey)


def list_passkeys(session: Session) -> None:
    """List your passkeys.

    Add one on the page Account of the dashboard.
    """
    items = session.operations.auth.passkeys()["items"]
    session.output.show(items, render.passkeys(items))
    session.output.next_step("capsule account passkeys delete ID")


def rename_passkey(session: Session, id: PasskeyId, name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")]) -> None:
    """Rename a passkey."""
    view = session.api.patch(f"{PATH}/{segment(_resolve(session, id))}", {"name": name})
    session.output.show(view, f"✓ The passkey is named {view['name']}.")
    session.output.next_step("capsule account passkeys list")


def delete_passkey(session: Session, id: PasskeyId, password_stdin: PasswordStdin = False) -> None:
    """Delete a passkey from your account.

    Refused if it is the only way to sign in.
    """
    passkey_id = _resolve(session, id)
    session.confirmed(lambda: session.api.delete(f"{PATH}/{segment(passkey_id)}"), from_stdin=password_stdin)
    session.output.show({"id": passkey_id}, "✓ The passkey is deleted. Delete it on its device too.")
    session.output.next_step("capsule account passkeys list")


def _resolve(session: Session, id: str) -> str:
    return resolve_id(
        "passkey", id, lambda: [each["id"] for each in session.operations.auth.passkeys()["items"]], hint="capsule account passkeys list"
    )
