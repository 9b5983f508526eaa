"""Service accounts of a team: what programs act as, with API tokens."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from cli.api.auth_models import ServiceAccountView
from cli.client import segment
from cli.commands.teams import Grants, TeamName, application_names, parse_grant
from cli.commands.tokens import Expires, Name, Scopes, create_at, find
from cli.declaration import command, subcommands
from cli.failures import NotFound
from cli.lookup import match_prefix
from cli.options import PasswordStdin, Yes
from cli.prompts import confirm_deletion
from cli.render import api_tokens
from cli.render import service_accounts as render
from cli.session import Session
from cli.team_lookup import find_team


class Role(StrEnum):
    ADMIN = "admin"
    DEVELOPER = "developer"
    VIEWER = "viewer"
    BILLING = "billing"


AccountName = Annotated[str, typer.Argument(metavar="NAME", help="Service account, by name or the beginning of its id.")]
TokenArgument = Annotated[str, typer.Argument(metavar="TOKEN", help="The token's name, or the beginning of its id.")]
NewToken = Annotated[str, typer.Argument(metavar="TOKEN", help="What the token is for, such as github-actions.")]


def declare(app: typer.Typer) -> None:
    accounts = subcommands(app, "service-accounts", "Manage what programs of a team act as.")
    command(accounts, "list")(list_accounts)
    command(accounts, "create")(create_account)
    command(accounts, "role")(change_role)
    command(accounts, "grant")(grant)
    command(accounts, "disable")(disable)
    command(accounts, "enable")(enable)
    command(accounts, "delete")(delete_account)
    command(accounts, "tokens")(list_tokens)
    command(accounts, "create-token")(create_token)
    command(accounts, "revoke-token")(revoke_token)


def list_accounts(session: Session, team: TeamName) -> None:
    """List the service accounts of a team."""
    items = session.operations.auth.service_accounts(find_team(session, team)["id"])["items"]
    session.output.show(items, render.accounts(items, application_names(session, items)))
    session.output.next_step(f'capsule service-accounts tokens "{team}" NAME' if items else f'capsule service-accounts create "{team}" NAME')


def create_account(
    session: Session,
    team: TeamName,
    name: Name,
    role: Annotated[Role, typer.Option("--role", metavar="ROLE", help=f"One of {', '.join(Role)}.")] = Role.DEVELOPER,
) -> None:
    """Create a service account in a team."""
    created = session.api.post(_path(find_team(session, team)["id"]), {"name": name, "role": role})
    session.output.show(created, f"✓ Created the service account {created['name']} with the role {created['role']}.")
    session.output.next_step(f'capsule service-accounts create-token "{team}" "{created["name"]}" TOKEN --scope read --scope deploy')


def change_role(
    session: Session,
    team: TeamName,
    name: AccountName,
    role: Annotated[Role, typer.Argument(metavar="ROLE")],
    password_stdin: PasswordStdin = False,
) -> None:
    """Change the role of a service account.

    A role that allows more needs a recent sign-in, and an account without API tokens.
    """
    account = _find(session, team, name)
    view = session.confirmed(lambda: _update(session, account, {"role": role}), from_stdin=password_stdin)
    session.output.show(view, f"✓ {view['name']} has the role {view['role']}.")
    session.output.next_step(f'capsule service-accounts list "{team}"')


def grant(session: Session, team: TeamName, name: AccountName, grants: Grants = None) -> None:
    """Set what it may do beyond the role.

    Replaces all grants. A protected environment (production) must be named.
    """
    found = _find(session, team, name)
    view = _update(session, found, {"grants": [parse_grant(session, each) for each in grants or ()]})
    session.output.show(view, f"✓ Grants of {view['name']}: {render.grants(view['grants'], application_names(session, [view]))}.")
    session.output.next_step(f'capsule service-accounts list "{team}"')


def disable(session: Session, team: TeamName, name: AccountName) -> None:
    """Refuse its API tokens until it is enabled."""
    view = _update(session, _find(session, team, name), {"isDisabled": True})
    session.output.show(view, f"✓ {view['name']} is disabled: its API tokens are refused within a second.")
    session.output.next_step(f'capsule service-accounts enable "{team}" "{view["name"]}"')


def enable(session: Session, team: TeamName, name: AccountName) -> None:
    """Accept its API tokens again."""
    view = _update(session, _find(session, team, name), {"isDisabled": False})
    session.output.show(view, f"✓ {view['name']} is enabled: its API tokens are accepted within a minute.")
    session.output.next_step(f'capsule service-accounts tokens "{team}" "{view["name"]}"')


def delete_account(session: Session, team: TeamName, name: AccountName, yes: Yes = False) -> None:
    """Delete a service account and its API tokens."""
    found = _find(session, team, name)
    confirm_deletion(found["name"], yes=yes)
    session.api.delete(_of(found))
    session.output.show({"id": found["id"]}, f"✓ Deleted the service account {found['name']}. Its API tokens are refused within a second.")
    session.output.next_step(f'capsule service-accounts list "{team}"')


def list_tokens(session: Session, team: TeamName, name: AccountName) -> None:
    """List its API tokens with scopes and last use."""
    found = _find(session, team, name)
    items = session.operations.auth.service_account_tokens(found["teamId"], found["id"])["items"]
    members = session.operations.auth.team_members(found["teamId"])["items"] if items else []
    session.output.show(items, api_tokens.tokens(items, {each["userId"]: each["email"] for each in members}))
    action = "revoke-token" if items else "create-token"
    session.output.next_step(f'capsule service-accounts {action} "{team}" "{found["name"]}" TOKEN')


def create_token(
    session: Session,
    team: TeamName,
    name: AccountName,
    token: NewToken,
    scope: Scopes = None,
    expires: Expires = "90d",
    password_stdin: PasswordStdin = False,
) -> None:
    """Create an API token for it and print it once."""
    found = _find(session, team, name)
    listed_by = f'capsule service-accounts tokens "{team}" "{found["name"]}"'
    create_at(session, f"{_of(found)}/tokens", token, scope, expires, from_stdin=password_stdin, listed_by=listed_by)


def revoke_token(session: Session, team: TeamName, name: AccountName, token: TokenArgument) -> None:
    """Revoke one of its API tokens."""
    found = _find(session, team, name)
    items = session.operations.auth.service_account_tokens(found["teamId"], found["id"])["items"]
    token_id = find(items, token, f"{found['name']} has", hint=f'capsule service-accounts tokens "{team}" "{found["name"]}"')
    session.api.delete(f"{_of(found)}/tokens/{segment(token_id)}")
    session.output.show({"id": token_id}, f"✓ Revoked API token {token} of {found['name']}.")
    session.output.next_step(f'capsule service-accounts tokens "{team}" "{found["name"]}"')


def _find(session: Session, team: str, text: str) -> ServiceAccountView:
    """The service account of the team with that name, or else with an id that begins so."""
    items = session.operations.auth.service_accounts(find_team(session, team)["id"])["items"]
    found = next((each for each in items if each["name"] == text.strip()), None)
    account_id = found["id"] if found else match_prefix("service account", text, [each["id"] for each in items])
    if account_id is None:
        raise NotFound(f'The team has no service account "{text}"', hint=f'capsule service-accounts list "{team}"')
    return next(each for each in items if each["id"] == account_id)


def _update(session: Session, account: ServiceAccountView, body: dict[str, Any]) -> Any:
    return session.api.patch(_of(account), body)


def _path(team_id: str) -> str:
    return f"/v1/teams/{segment(team_id)}/service-accounts"


def _of(account: ServiceAccountView) -> str:
    return f"{_path(account['teamId'])}/{segment(account['id'])}"
