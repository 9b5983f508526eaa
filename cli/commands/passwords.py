"""Passwords: change, reset."""

from typing import Annotated

import typer

from cli.declaration import command, subcommands
from cli.links import token_of
from cli.options import Email, PasswordStdin
from cli.prompts import ask_email, ask_password
from cli.session import Session


def declare(app: typer.Typer) -> None:
    passwords = subcommands(app, "password", "Change your password, or reset a forgotten one.")
    command(passwords, "change")(change)
    command(passwords, "reset")(reset)


def change(session: Session, password_stdin: PasswordStdin = False) -> None:
    """Change your password and sign out everywhere else.

    With --password-stdin, the first line is the current password, the second the new one. With a second factor and an
    older sign-in, the third is a code.
    """
    current = ask_password(from_stdin=password_stdin, confirm=False, label="Current password")
    new = ask_password(from_stdin=password_stdin, confirm=True, label="New password")
    body = {"currentPassword": current, "password": new}
    session.confirmed(lambda: session.api.put("/v1/users/me/password", body), from_stdin=password_stdin)
    session.output.show({"api": session.settings.api}, "✓ Password changed. All other sessions are signed out.")
    session.output.next_step("capsule whoami")


def reset(
    session: Session,
    link: Annotated[str | None, typer.Argument(metavar="LINK", help="The link in the e-mail, or the token in the link.")] = None,
    email: Email = None,
    password_stdin: PasswordStdin = False,
) -> None:
    """Reset a forgotten password.

    Without LINK, an e-mail with a link is sent: capsule password reset --email ada@example.org. With it, the new password is
    set and all sessions end: capsule password reset LINK.
    """
    if link is None:
        accepted = session.anonymous.post("/v1/password-resets", {"email": ask_email(email)})
        session.output.show(accepted, accepted["message"])
        session.output.next_step(*session.open_mail(), "capsule password reset LINK")
        return
    body = {"token": token_of(link), "password": ask_password(from_stdin=password_stdin, confirm=True, label="New password")}
    view = session.anonymous.post("/v1/password-resets/complete", body)
    session.output.show(view, f"✓ Password changed. All sessions of {view['email']} have ended.")
    session.output.next_step(f"capsule login --email {view['email']}")
