"""The account: register, verify, login, logout, whoami."""

from typing import Annotated

import typer

from cli.declaration import command
from cli.failures import ApiError, UsageError
from cli.links import token_of
from cli.options import Email, PasswordStdin
from cli.prompts import ask_code, ask_email, ask_password, require_terminal_for_login
from cli.render import account as render
from cli.session import Session


def declare(app: typer.Typer) -> None:
    command(app, "register")(register)
    command(app, "verify")(verify)
    command(app, "login")(login)
    command(app, "logout")(logout)
    command(app, "whoami")(whoami)
    command(app, "profile")(update_profile)


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
    session.output.next_step(*session.open_mail(), "capsule verify LINK")


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
        session.output.next_step(*session.open_mail(), "capsule verify LINK")
        return
    if not link:
        raise UsageError("No link given", hint="capsule verify LINK, or for another e-mail: capsule verify --resend ADDRESS")
    body = {"token": token_of(link), "password": ask_password(from_stdin=password_stdin, confirm=True)}
    verified = session.anonymous.post("/v1/users/verify", body)
    session.output.show(verified, render.verified(verified))
    session.output.next_step(f"capsule login --email {verified['email']}")


def login(
    session: Session,
    email: Email = None,
    password_stdin: PasswordStdin = False,
    device: Annotated[bool, typer.Option("--device", help="Confirm the sign-in in a browser, on this or another device.")] = False,
) -> None:
    """Sign in on this machine.

    Asks for a code too if the second factor is on. With --password-stdin the code is the second line. With --device, prints an address
    and a code to confirm in a browser, and waits: for accounts that sign in with a provider or a passkey, and for machines without a browser.
    """
    if device and (email or password_stdin):
        raise UsageError("--device needs no address and no password", hint="capsule login --device")
    if device:
        stored, deletes_at = session.sign_in_with_browser()
    else:
        require_terminal_for_login(email, password_stdin)
        address = ask_email(email)
        password = ask_password(from_stdin=password_stdin, confirm=False)
        with session.output.progress("signing in"):
            stored, deletes_at = session.sign_in(address, password, lambda: ask_code(from_stdin=password_stdin))
    session.output.show(
        {"email": stored.email, "api": session.settings.api, "deletesAt": deletes_at}, render.signed_in(stored.email, session.settings.api)
    )
    if deletes_at:
        session.output.note(render.deletion(deletes_at))
        session.output.next_step("capsule account restore")
        return
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


def whoami(session: Session) -> None:
    """Show the account that is signed in.

    With the API token of a service account, or one without the scope read: who that is.
    """
    try:
        profile = session.operations.auth.profile()
    except ApiError as error:
        if error.status != 403:
            raise
        caller = session.operations.auth.me()  # a service account, or an API token that may not read
        session.output.show(caller, render.caller(caller, session.settings.api))
        session.output.next_step("capsule permissions")
        return
    session.output.show(profile, render.profile(profile, session.settings.api))
    session.output.next_step("capsule apps list", "capsule subscription show")


def update_profile(session: Session, name: Annotated[str, typer.Option("--name", metavar="NAME", help="The name to show; empty for none.")]) -> None:
    """Change the name of your account."""
    view = session.api.patch("/v1/users/me", {"name": name})
    session.output.show(view, render.profile(view, session.settings.api))
    session.output.next_step("capsule whoami")
