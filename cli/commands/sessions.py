"""Signed-in devices: list and revoke."""

from typing import Annotated

import typer

from cli.client import segment
from cli.completion import session_ids
from cli.declaration import command, subcommands
from cli.failures import UsageError
from cli.lookup import resolve_id
from cli.render import sessions as render
from cli.session import Session

SessionId = Annotated[
    str | None,
    typer.Argument(metavar="ID", help="The beginning of its id, as `capsule sessions list` shows it.", autocompletion=session_ids),
]
Others = Annotated[bool, typer.Option("--others", help="Revoke all sessions except the one of this machine.")]
All = Annotated[bool, typer.Option("--all", help="Revoke all sessions, and sign out on this machine.")]


def declare(app: typer.Typer) -> None:
    sessions = subcommands(app, "sessions", "List and revoke signed-in devices.")
    command(sessions, "list")(list_sessions)
    command(sessions, "revoke")(revoke_sessions)


def list_sessions(session: Session) -> None:
    """List your signed-in devices.

    Each line has the device that signed in, its address, and when it was last seen: at its last refresh, every 15 minutes while it is in use.
    """
    items = list(session.operations.auth.all_sessions(limit=100))
    session.output.show(items, render.sessions(items))
    session.output.next_step("capsule sessions revoke ID", "capsule sessions revoke --others")


def revoke_sessions(session: Session, id: SessionId = None, others: Others = False, everything: All = False) -> None:
    """Sign out a device, all others, or all."""
    if sum((id is not None, others, everything)) != 1:
        raise UsageError("Name one session, --others or --all", hint="capsule sessions list")
    if id is not None:
        session_id = resolve_id(
            "session", id, lambda: [each["id"] for each in list(session.operations.auth.all_sessions(limit=100))], hint="capsule sessions list"
        )
        session.api.delete(f"/v1/sessions/{segment(session_id)}")
        session.output.show({"id": session_id}, f"✓ Revoked session {session_id}.")
    else:
        revoked = session.api.call("DELETE", "/v1/sessions", query={"except": "current"} if others else {})
        if everything:
            session.credentials.clear()
        session.output.show(revoked, f"✓ Revoked {revoked['revoked']} session{'' if revoked['revoked'] == 1 else 's'}.")
    session.output.next_step("capsule login" if everything else "capsule sessions list")
