"""Addresses that get no e-mails, for administrators: list them, send to them again."""

from typing import Annotated

import typer

from cli.client import segment
from cli.declaration import command, subcommands
from cli.render import suppressions as render
from cli.session import Session

PATH = "/v1/admin/email-suppressions"
Search = Annotated[str, typer.Argument(metavar="TEXT", help="Part of the address.")]
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="The suppressed address.")]


def declare_suppressions(admin: typer.Typer) -> None:
    suppressions = subcommands(admin, "suppressions", "Addresses that get no e-mails (admins).")
    command(suppressions, "list")(list_suppressions)
    command(suppressions, "lift")(lift)


def list_suppressions(session: Session, search: Search = "") -> None:
    """List addresses that get no e-mails."""
    items = session.api.items(PATH, search=search, limit=200)
    session.output.show(items, render.suppressions(items))
    session.output.next_step("capsule admin suppressions lift ADDRESS")


def lift(session: Session, address: Address) -> None:
    """Send e-mails to an address again.

    If the next e-mail bounces, the address is suppressed again.
    """
    session.api.delete(f"{PATH}/{segment(address)}")
    session.output.show({"address": address}, f"✓ Capsule sends e-mails to {address} again.")
