"""Users of the installation, for administrators: list, show, suspend, unlock. Needs the role admin."""

from typing import Annotated

import typer

from cli.client import Json, segment
from cli.commands.dead_letters import declare_dead_letters
from cli.commands.installation import declare_installation
from cli.commands.suppressions import declare_suppressions
from cli.declaration import command, subcommands
from cli.failures import NotFound, UsageError
from cli.lookup import is_full_id
from cli.options import PasswordStdin
from cli.render import admin_users as render
from cli.session import Session

User = Annotated[str, typer.Argument(metavar="USER", help="E-mail address or id of the user.")]
Search = Annotated[str, typer.Argument(metavar="TEXT", help="Part of the e-mail address or the name.")]
Suspended = Annotated[bool, typer.Option("--suspended", help="Only suspended accounts.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Reason, as the user reads it at the next sign-in.")]


def declare(app: typer.Typer) -> None:
    admin = subcommands(app, "admin", "Manage this installation (admins).")
    declare_installation(admin)
    declare_dead_letters(admin)
    declare_suppressions(admin)
    users = subcommands(admin, "users", "List, suspend and unlock users (admins).")
    command(users, "list")(list_users)
    command(users, "show")(show)
    command(users, "suspend")(suspend)
    command(users, "unsuspend")(unsuspend)
    command(users, "unlock")(unlock)
    command(users, "remove-2fa")(remove_second_factor)


def list_users(session: Session, search: Search = "", suspended: Suspended = False) -> None:
    """List or search users, newest first."""
    items = session.api.items("/v1/admin/users", search=search, suspended="true" if suspended else None, limit=200)
    session.output.show(items, render.users(items))
    session.output.next_step("capsule admin users show USER", "capsule audit list --user ID")


def show(session: Session, user: User) -> None:
    """Show a user with sessions, second factor and lock."""
    view = session.api.get(_path(session, user))
    session.output.show(view, render.user(view))
    session.output.next_step(f"capsule audit list --user {view['id']}")


def suspend(session: Session, user: User, reason: Reason) -> None:
    """Suspend a user: end all sessions, refuse sign-ins.

    Applications keep running. You cannot suspend yourself or the last administrator.
    """
    view = session.api.post(f"{_path(session, user)}/suspension", {"reason": reason})
    session.output.show(view, f"✓ {view['email']} is suspended. All sessions have ended.")
    session.output.next_step(f"capsule admin users unsuspend {view['email']}")


def unsuspend(session: Session, user: User) -> None:
    """End the suspension of a user."""
    view = session.api.call("DELETE", f"{_path(session, user)}/suspension")
    session.output.show(view, f"✓ {view['email']} can sign in again.")


def unlock(session: Session, user: User) -> None:
    """End a user's lock after failed sign-ins."""
    session.api.delete(f"{_path(session, user)}/lock")
    session.output.show({"user": user}, f"✓ {user} can sign in again at once.")


def remove_second_factor(session: Session, user: User, password_stdin: PasswordStdin = False) -> None:
    """Remove a user's lost second factor.

    Ask for a proof of identity first: afterwards the password suffices to sign in. All sessions of the user end, and the user gets an e-mail.
    """
    path = _path(session, user)
    session.confirmed(lambda: session.api.delete(f"{path}/second-factor"), from_stdin=password_stdin)
    session.output.show({"user": user}, f"✓ Removed the second factor of {user}. All sessions have ended, and the user gets an e-mail.")


def _path(session: Session, user: str) -> str:
    """Return the path of a user, named by id or e-mail address."""
    if is_full_id(user):
        return f"/v1/admin/users/{segment(user)}"
    found: list[Json] = session.api.items("/v1/admin/users", search=user, limit=200)
    exact = [each for each in found if each["email"] == user.lower()] or found
    if len(exact) > 1:
        raise UsageError(f'"{user}" matches {len(exact)} users', ", ".join(each["email"] for each in exact[:5]), hint="Type the whole address.")
    if not exact:
        raise NotFound(f'There is no user "{user}"', hint="capsule admin users list")
    return f"/v1/admin/users/{segment(exact[0]['id'])}"
