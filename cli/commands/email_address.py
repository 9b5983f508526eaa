"""The e-mail address of the account: change, confirm, show, cancel; whether e-mails reach it."""

from typing import Annotated

import typer

from cli.declaration import command, subcommands
from cli.links import token_of
from cli.options import PasswordStdin
from cli.prompts import ask_password
from cli.render import account as render
from cli.session import Session

PATH = "/v1/users/me/email-change"


def declare(app: typer.Typer) -> None:
    email = subcommands(app, "email", "Change and check the address of your account.")
    command(email, "change")(change)
    command(email, "confirm")(confirm)
    command(email, "show")(show)
    command(email, "cancel")(cancel)
    command(email, "delivery")(delivery)
    command(email, "unsuppress")(unsuppress)


def change(
    session: Session, address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The new address.")], password_stdin: PasswordStdin = False
) -> None:
    """Request another e-mail address.

    Both addresses get a link. The change waits for both.
    """
    password = ask_password(from_stdin=password_stdin, confirm=False, label="Current password")
    body = {"email": address, "password": password}
    view = session.confirmed(lambda: session.api.put(PATH, body), from_stdin=password_stdin)
    session.output.show(view, render.email_change(view))
    session.output.next_step(*session.open_mail(), "capsule email confirm LINK")


def confirm(session: Session, link: Annotated[str, typer.Argument(metavar="LINK", help="The link in the e-mail, or the token in the link.")]) -> None:
    """Confirm a change with the link of an e-mail."""
    view = session.anonymous.post("/v1/email-changes/confirm", {"token": token_of(link)})
    session.output.show(view, render.email_change(view))
    session.output.next_step("capsule email confirm LINK" if view["unconfirmed"] else f"capsule login --email {view['email']}")


def show(session: Session) -> None:
    """Show the pending change."""
    view = session.api.get(PATH)
    session.output.show(view, render.email_change(view))
    session.output.next_step("capsule email confirm LINK", "capsule email cancel")


def cancel(session: Session) -> None:
    """Cancel the pending change."""
    session.api.delete(PATH)
    session.output.show({"api": session.settings.api}, "✓ No change of the address is pending.")
    session.output.next_step("capsule whoami")


def delivery(session: Session) -> None:
    """Show whether e-mails reach your address."""
    view = session.api.get("/v1/users/me/email-delivery")
    session.output.show(view, render.email_delivery(view))
    if view["isSuppressed"]:
        session.output.next_step("capsule email unsuppress", "capsule email change ADDRESS")


def unsuppress(session: Session) -> None:
    """Receive e-mails again: the mailbox works again.

    If the next e-mail bounces, the address is suppressed again. Once within 24 hours.
    """
    view = session.api.call("DELETE", "/v1/users/me/email-suppression")
    session.output.show(view, render.email_delivery(view))
    session.output.next_step("capsule email delivery")
