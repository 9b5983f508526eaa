"""API tokens for programs such as CI: create, list and revoke."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from cli.client import segment
from cli.completion import token_names
from cli.declaration import command, subcommands
from cli.failures import NotFound, UsageError
from cli.lookup import is_full_id, match_prefix
from cli.options import PasswordStdin
from cli.render import api_tokens as render
from cli.session import Session

DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}
DURATION = re.compile(r"([1-9]\d{0,3})([dwmy]?)")


class Scope(StrEnum):
    READ = "read"
    DEPLOY = "deploy"
    MONITOR = "monitor"
    BILLING = "billing"
    ADMIN = "admin"


Name = Annotated[str, typer.Argument(metavar="NAME", help="What it is for, such as github-actions.")]
Scopes = Annotated[
    list[Scope] | None,
    typer.Option("--scope", metavar="SCOPE", help=f"What it may do: {', '.join(Scope)}. Repeat it for more.", show_default="read"),
]
Expires = Annotated[str, typer.Option("--expires", metavar="TIME", help="When it expires: 90d, 12w, 6m or 1y. At most a year.")]
TokenName = Annotated[str, typer.Argument(metavar="NAME", help="Its name, or the beginning of its id.", autocompletion=token_names)]


def declare(app: typer.Typer) -> None:
    tokens = subcommands(app, "tokens", "Create, list and revoke API tokens.")
    command(tokens, "create")(create_token)
    command(tokens, "list")(list_tokens)
    command(tokens, "revoke")(revoke_token)


def create_token(session: Session, name: Name, scope: Scopes = None, expires: Expires = "90d", password_stdin: PasswordStdin = False) -> None:
    """Create an API token and print it once.

    A program passes it in CAPSULE_TOKEN. `capsule deploy` needs the scopes read and deploy.
    """
    create_at(session, "/v1/tokens", name, scope, expires, from_stdin=password_stdin, listed_by="capsule tokens list")


def list_tokens(session: Session) -> None:
    """List your API tokens with scopes and last use."""
    items = session.operations.auth.tokens()["items"]
    session.output.show(items, render.tokens(items))
    session.output.next_step("capsule tokens revoke NAME" if items else "capsule tokens create NAME --scope read --scope deploy")


def revoke_token(session: Session, name: TokenName) -> None:
    """Revoke an API token: refused within a second."""
    token_id = name if is_full_id(name) else find(session.operations.auth.tokens()["items"], name, "You have", hint="capsule tokens list")
    session.api.delete(f"/v1/tokens/{segment(token_id)}")
    session.output.show({"id": token_id}, f"✓ Revoked API token {name}.")
    session.output.next_step("capsule tokens list")


def create_at(session: Session, path: str, name: str, scopes: list[Scope] | None, expires: str, *, from_stdin: bool, listed_by: str) -> None:
    """Create a token of the user or of a service account, and print it once."""
    body = {"name": name, "scopes": scopes or [Scope.READ], "expiresInDays": parse_days(expires)}
    created = session.confirmed(lambda: session.api.post(path, body), from_stdin=from_stdin)
    session.output.show(created, created["token"])
    session.output.note(f"✓ Created. It is not shown again. It expires on {created['expiresAt'][:10]} and may: {', '.join(created['scopes'])}.")
    session.output.next_step(listed_by, f"CAPSULE_TOKEN={created['token'][:16]}… capsule whoami")


def find(items: Sequence[Mapping[str, Any]], text: str, owner: str, *, hint: str) -> str:
    """Return the id of the token with that name, or else with an id that begins so. Raises NotFound: `owner` no API token."""
    by_name = next((each["id"] for each in items if each["name"] == text), None)
    token_id = by_name or match_prefix("API token", text, [each["id"] for each in items])
    if token_id is None:
        raise NotFound(f'{owner} no API token "{text}"', hint=hint)
    return str(token_id)


def parse_days(text: str) -> int:
    """Return the days of `90d`, `12w`, `6m` (30 days each), `1y` or `90`.

    Raises:
        UsageError: it is none of these.
    """
    match = DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise UsageError(f'"{text}" is not a time', hint="Use days, weeks, months or a year: 90d, 12w, 6m, 1y")
    return int(match[1]) * DAYS[match[2] or "d"]
