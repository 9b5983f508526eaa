"""The account: register, verify, login, logout, password, whoami."""

import re
from typing import Annotated

import typer

from cli.declaration import command
from cli.failures import ApiError, UsageError
from cli.prompts import ask_email, ask_password
from cli.render import account as render
from cli.session import Session
from cli.settings import is_loopback

LINK_TOKEN = re.compile(r"[?&]token=([^&\s]+)")
Email = Annotated[str | None, typer.Option("--email", metavar="ADDRESS", help="Your e-mail address. Prompted for if omitted.")]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


def declare(app: typer.Typer) -> None:
    command(app, "register")(register)
    command(app, "verify")(verify)
    command(app, "login")(login)
    command(app, "logout")(logout)
    command(app, "password")(change_password)
    command(app, "whoami")(whoami)


def register(
    session: Session,
    email: Email = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Send a password from standard input; not needed.")] = False,
) -> None:
    """Create an account and receive a link by e-mail.

    The link verifies the address and sets the password: pass it to `capsule verify`.
    """
    body = {"email": ask_email(email)}
    if password_stdin:
        body["password"] = ask_password(from_stdin=True, confirm=True)
    accepted = session.anonymous.post("/v1/users", body)
    session.output.show(accepted, accepted["message"])
    session.output.next_step(*_open_mail(session), "capsule verify LINK")


def verify(
    session: Session,
    link: Annotated[str | None, typer.Argument(metavar="LINK", help="The link in the e-mail, or the token in the link.")] = None,
    resend: Annotated[str | None, typer.Option("--resend", metavar="ADDRESS", help="Send the e-mail again.")] = None,
    password_stdin: PasswordStdin = False,
) -> None:
    """Verify your address and set the password.

    The password is the account's from now on.
    """
    if resend:
        accepted = session.anonymous.post("/v1/users/verification-emails", {"email": resend})
        session.output.show(accepted, str(accepted.get("message") or f"If {resend} is not verified yet, an e-mail is on its way."))
        session.output.next_step(*_open_mail(session), "capsule verify LINK")
        return
    if not link:
        raise UsageError("No link given", hint="capsule verify LINK, or for another e-mail: capsule verify --resend ADDRESS")
    match = LINK_TOKEN.search(link)
    body = {"token": match[1] if match else link, "password": ask_password(from_stdin=password_stdin, confirm=True)}
    verified = session.anonymous.post("/v1/users/verify", body)
    session.output.show(verified, render.verified(verified))
    session.output.next_step(f"capsule login --email {verified['email']}")


def login(session: Session, email: Email = None, password_stdin: PasswordStdin = False) -> None:
    """Sign in on this machine."""
    address = ask_email(email)
    password = ask_password(from_stdin=password_stdin, confirm=False)
    with session.output.progress("signing in"):
        stored = session.sign_in(address, password)
    session.output.show({"email": stored.email, "api": session.settings.api}, render.signed_in(stored.email, session.settings.api))
    session.output.next_step("capsule apps create NAME REPOSITORY", "capsule apps list")


def logout(session: Session) -> None:
    """Sign out and delete the stored tokens."""
    if session.credentials.login() is not None:
        try:
            session.api.delete("/v1/sessions/current")
        except ApiError as error:
            if error.status != 401:
                raise
        session.credentials.clear()
    session.output.show({"api": session.settings.api}, f"✓ Signed out at {session.settings.api}.")
    session.output.next_step("capsule login")


def change_password(session: Session, password_stdin: PasswordStdin = False) -> None:
    """Change your password and sign out everywhere else.

    With --password-stdin, the first line is the current password, the second the new one.
    """
    current = ask_password(from_stdin=password_stdin, confirm=False, label="Current password")
    new = ask_password(from_stdin=password_stdin, confirm=True, label="New password")
    session.api.put("/v1/users/me/password", {"currentPassword": current, "password": new})
    session.output.show({"api": session.settings.api}, "✓ Password changed. All other sessions are signed out.")
    session.output.next_step("capsule whoami")


def whoami(session: Session) -> None:
    """Show the account that is signed in."""
    profile = session.api.get("/v1/users/me")
    session.output.show(profile, render.profile(profile, session.settings.api))
    session.output.next_step("capsule apps list", "capsule subscription show")


def _open_mail(session: Session) -> list[str]:
    """A Capsule on one machine stores e-mails as files unless an SMTP server is configured."""
    return ["./taskw mail   (prints the newest e-mail if this machine stores e-mails as files)"] if is_loopback(session.settings.api) else []
