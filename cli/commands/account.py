"""Who one is: register, verify, login, logout, whoami."""

import re
import sys
from typing import Annotated

import typer

from cli.declaring import command
from cli.failures import Refused, WrongUse
from cli.render import account as render
from cli.session import Session

LINK_TOKEN = re.compile(r"[?&]token=([^&\s]+)")
Email = Annotated[str | None, typer.Option("--email", metavar="ADDRESS", help="Your mail address; asked for without it.")]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input, for scripts.")]


def declare(app: typer.Typer) -> None:
    command(app, "register")(register)
    command(app, "verify")(verify)
    command(app, "login")(login)
    command(app, "logout")(logout)
    command(app, "whoami")(whoami)


def register(session: Session, email: Email = None, password_stdin: PasswordStdin = False) -> None:
    """Make an account. A mail with a link proves that the address is yours."""
    address = email or typer.prompt("Email", err=True)
    answer = session.anyone.post("/v1/users", {"email": address, "password": _password(password_stdin, confirm=True)})
    session.output.show(answer, answer["message"])
    session.output.note("then: capsule verify LINK, and capsule login")


def verify(
    session: Session,
    token: Annotated[str | None, typer.Argument(metavar="[LINK]", help="The link of the mail, or the token in it.")] = None,
    resend: Annotated[str | None, typer.Option("--resend", metavar="ADDRESS", help="Send the mail again.")] = None,
) -> None:
    """Prove that a mail address is yours, with the link that was mailed to it."""
    if resend:
        answer = session.anyone.post("/v1/users/verification-mails", {"email": resend})
        session.output.show(answer, str(answer.get("message") or f"If {resend} waits to be verified, a mail is on its way."))
        return
    if not token:
        raise WrongUse("Which link?", hint="capsule verify LINK, or capsule verify --resend ADDRESS for another mail")
    found = LINK_TOKEN.search(token)
    answer = session.anyone.post("/v1/users/verify", {"token": found[1] if found else token})
    session.output.show(answer, render.verified(answer))


def login(session: Session, email: Email = None, password_stdin: PasswordStdin = False) -> None:
    """Sign in on this machine; it lasts until `capsule logout`."""
    address = email or typer.prompt("Email", err=True)
    with session.output.progress("signing in"):
        kept = session.sign_in(address, _password(password_stdin, confirm=False))
    session.output.show({"email": kept.email, "api": session.settings.api}, render.signed_in(kept.email, session.settings.api))


def logout(session: Session) -> None:
    """Sign out on this machine: the session ends, and the tokens are deleted."""
    login = session.credentials.login()
    if login is not None:
        try:
            session.api.delete("/v1/sessions/current")
        except Refused as refused:
            if refused.status != 401:
                raise
        session.credentials.keep(None)
    session.output.show({"api": session.settings.api}, f"Signed out at {session.settings.api}.")


def whoami(session: Session) -> None:
    """Show the account that is signed in."""
    profile = session.api.get("/v1/users/me")
    session.output.show(profile, render.profile(profile, session.settings.api))


def _password(from_stdin: bool, *, confirm: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise WrongUse("There is nobody to ask for a password", hint="--password-stdin reads it from standard input")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=confirm, err=True))
