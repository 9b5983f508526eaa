"""Delete, restore and export the account."""

import typer

from cli.declaration import command, subcommands
from cli.options import PasswordStdin
from cli.prompts import ask_password
from cli.render import account as render
from cli.render.formats import money
from cli.session import Session

PATH = "/v1/users/me/deletion"
EXPORTS = {
    "auth": "/v1/users/me/exports/auth",
    "billing": "/v1/users/me/exports/billing",
    "deploy": "/v1/users/me/exports/deploy",
    "monitor": "/v1/users/me/exports/monitor",
}


def declare(app: typer.Typer) -> None:
    account = subcommands(app, "account", "Secure, delete, restore or export your account.")
    command(account, "delete")(delete)
    command(account, "restore")(restore)
    command(account, "export")(export)


def delete(session: Session, password_stdin: PasswordStdin = False) -> None:
    """Delete your account after a grace period.

    Until then everything keeps running, and `capsule account restore` keeps the account. What is owed in the end is on a
    final invoice.
    """
    bill = session.api.get("/v1/billing/current", limit=0)
    session.output.note(f"Due now: {money(bill['due'])}. Used in this period, for the final invoice: {money(bill['atPeriodEnd']['usage'])}.")
    password = ask_password(from_stdin=password_stdin, confirm=False, label="Current password")
    accepted = session.confirmed(lambda: session.api.post(PATH, {"password": password}), from_stdin=password_stdin)
    session.credentials.clear()
    session.output.show(accepted, render.deletion(accepted["deletesAt"]))
    session.output.next_step("capsule login", "capsule account restore")


def restore(session: Session) -> None:
    """Keep an account that is to be deleted."""
    session.api.delete(PATH)
    session.output.show({"api": session.settings.api}, "✓ The account stays.")
    session.output.next_step("capsule whoami")


def export(session: Session) -> None:
    """Print all data about you as JSON."""
    document = {context: session.api.get(path) for context, path in EXPORTS.items()}
    session.output.document(document)
    session.output.next_step("capsule whoami")
