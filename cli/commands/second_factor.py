"""The second factor of the account: turn it on and off, replace the recovery codes."""

import typer

from cli.declaration import command, subcommands
from cli.options import PasswordStdin
from cli.prompts import ask_code
from cli.render import second_factor as render
from cli.session import Session


def declare(app: typer.Typer) -> None:
    account = subcommands(app, "account", "Secure, delete, restore or export your account.")
    factor = subcommands(account, "2fa", "Ask for a code when you sign in.")
    command(factor, "on")(turn_on)
    command(factor, "off")(turn_off)
    command(factor, "recovery-codes")(replace_recovery_codes)
    command(factor, "status")(show_status)


def turn_on(session: Session, password_stdin: PasswordStdin = False) -> None:
    """Turn on the second factor.

    Shows a QR code for the application, asks for a first code, and prints recovery codes for the day the application is lost. All other
    sessions are signed out.
    """
    begun = session.confirmed(lambda: session.api.post("/v1/users/me/second-factor"), from_stdin=password_stdin)
    for line in render.secret(begun):
        session.output.note(line)
    code = ask_code(from_stdin=password_stdin)
    view = session.api.post("/v1/users/me/second-factor/activation", {"code": code})
    session.output.show(view, *render.recovery_codes(view, "✓ The second factor is on. All other sessions are signed out."))
    session.output.next_step("capsule account 2fa status")


def turn_off(session: Session, password_stdin: PasswordStdin = False) -> None:
    """Turn off the second factor."""
    session.confirmed(lambda: session.api.delete("/v1/users/me/second-factor"), from_stdin=password_stdin)
    session.output.show({"isEnabled": False}, "✓ The second factor is off. Signing in needs the password only.")
    session.output.next_step("capsule account 2fa on")


def replace_recovery_codes(session: Session, password_stdin: PasswordStdin = False) -> None:
    """Replace the recovery codes and print new ones."""
    view = session.confirmed(lambda: session.api.post("/v1/users/me/second-factor/recovery-codes"), from_stdin=password_stdin)
    session.output.show(view, *render.recovery_codes(view, "✓ The former recovery codes no longer work."))
    session.output.next_step("capsule account 2fa status")


def show_status(session: Session) -> None:
    """Show whether the second factor is on."""
    view = session.operations.auth.second_factor()
    session.output.show(view, render.status(view))
    session.output.next_step("capsule account 2fa recovery-codes" if view["isEnabled"] else "capsule account 2fa on")
