"""Teams: create, show, rename and delete them, and their members, invitations and grants."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

import typer

from cli.api.auth_models import TeamView
from cli.client import segment
from cli.declaration import command, subcommands
from cli.failures import NotFound, UsageError
from cli.lookup import is_full_id, match_prefix
from cli.options import PasswordStdin, Yes
from cli.prompts import confirm_deletion
from cli.render import teams as render
from cli.session import Session
from cli.team_lookup import find_team


class Role(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    DEVELOPER = "developer"
    VIEWER = "viewer"
    BILLING = "billing"


TeamName = Annotated[str, typer.Argument(metavar="TEAM", help="Team, by name or id.")]
NewName = Annotated[str, typer.Argument(metavar="NAME", help="The name of the team.")]
MemberEmail = Annotated[str, typer.Argument(metavar="EMAIL", help="E-mail address of the member, or the user's id.")]
RoleArgument = Annotated[Role, typer.Argument(metavar="ROLE", help=f"One of {', '.join(Role)}.")]
Grants = Annotated[
    list[str] | None,
    typer.Argument(metavar="APP[:ENV]", help="Application, or one of its environments. Nothing: the member has no grants."),
]


def declare(app: typer.Typer) -> None:
    teams = subcommands(app, "teams", "Create teams, and manage their members.")
    command(teams, "list")(list_teams)
    command(teams, "create")(create_team)
    command(teams, "show")(show_team)
    command(teams, "rename")(rename_team)
    command(teams, "delete")(delete_team)
    command(teams, "members")(list_members)
    command(teams, "invite")(invite)
    command(teams, "invitations")(list_invitations)
    command(teams, "uninvite")(uninvite)
    command(teams, "accept")(accept)
    command(teams, "role")(change_role)
    command(teams, "grant")(grant)
    command(teams, "remove")(remove)
    command(teams, "leave")(leave)
    command(teams, "transfer")(transfer)
    command(app, "permissions")(permissions)


def list_teams(session: Session) -> None:
    """List your teams and your role in each."""
    items = session.operations.auth.teams()["items"]
    session.output.show(items, render.teams(items))
    session.output.next_step("capsule teams members TEAM" if len(items) > 1 else "capsule teams create NAME")


def create_team(session: Session, name: NewName) -> None:
    """Create a team with a plan of its own."""
    created = session.api.post("/v1/teams", {"name": name})
    session.output.show(created, f"✓ Created the team {created['name']}. You are its owner.")
    session.output.next_step(f'capsule teams invite "{created["name"]}" EMAIL', f'capsule apps create NAME REPOSITORY --team "{created["name"]}"')


def show_team(session: Session, team: TeamName) -> None:
    """Show a team and your role in it."""
    view = session.operations.auth.team(find_team(session, team)["id"])
    session.output.show(view, render.team(view))
    session.output.next_step(f'capsule teams members "{team}"')


def rename_team(session: Session, team: TeamName, name: NewName) -> None:
    """Rename a team."""
    view = session.api.patch(_path(find_team(session, team)), {"name": name})
    session.output.show(view, f"✓ The team is named {view['name']}.")
    session.output.next_step("capsule teams list")


def delete_team(session: Session, team: TeamName, yes: Yes = False, password_stdin: PasswordStdin = False) -> None:
    """Delete a team that has no applications."""
    found = find_team(session, team)
    confirm_deletion(render.title(found), yes=yes)
    session.confirmed(lambda: session.api.delete(_path(found)), from_stdin=password_stdin)
    session.output.show({"id": found["id"]}, f"✓ Deleted the team {render.title(found)}.")
    session.output.next_step("capsule teams list")


def list_members(session: Session, team: TeamName) -> None:
    """List members with roles and grants."""
    items = session.operations.auth.team_members(find_team(session, team)["id"])["items"]
    session.output.show(items, render.members(items, application_names(session, items)))
    session.output.next_step(f'capsule teams role "{team}" EMAIL ROLE', f'capsule teams remove "{team}" EMAIL')


def invite(
    session: Session,
    team: TeamName,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Address that gets the invitation.")],
    role: Annotated[Role, typer.Option("--role", metavar="ROLE", help=f"One of {', '.join(Role)}.")] = Role.DEVELOPER,
) -> None:
    """Invite somebody to a team by e-mail."""
    created = session.api.post(_path(find_team(session, team)) + "/invitations", {"email": email, "role": role})
    session.output.show(created, f"✓ Invited {created['email']} with the role {created['role']}. The invitation expires in seven days.")
    session.output.next_step(f'capsule teams invitations "{team}"')


def list_invitations(session: Session, team: TeamName) -> None:
    """List open invitations to a team."""
    items = session.operations.auth.invitations(find_team(session, team)["id"])["items"]
    session.output.show(items, render.invitations(items))
    session.output.next_step(f'capsule teams {"uninvite" if items else "invite"} "{team}" EMAIL')


def uninvite(
    session: Session, team: TeamName, email: Annotated[str, typer.Argument(metavar="EMAIL", help="Address of the invitation, or its id.")]
) -> None:
    """Revoke an open invitation to a team."""
    path = _path(find_team(session, team)) + "/invitations"
    items = session.api.page(path)
    by_email = next((each["id"] for each in items if each["email"] == email.strip().lower()), None)
    invitation_id = by_email or match_prefix("invitation", email, [each["id"] for each in items])
    if invitation_id is None:
        raise NotFound(f'The team has no invitation of "{email}"', hint=f'capsule teams invitations "{team}"')
    session.api.delete(f"{path}/{segment(invitation_id)}")
    session.output.show({"id": invitation_id}, f"✓ Revoked the invitation of {email}.")
    session.output.next_step(f'capsule teams invitations "{team}"')


def accept(session: Session, link: Annotated[str, typer.Argument(metavar="LINK", help="Link of the invitation's e-mail, or its token.")]) -> None:
    """Accept an invitation to a team."""
    token = parse_qs(urlsplit(link).query).get("token", [link])[0]
    view = session.api.post("/v1/invitations/acceptance", {"token": token})
    session.output.show(view, f"✓ You are a member of {view['name']} with the role {view['role']}.")
    session.output.next_step("capsule apps list")


def change_role(session: Session, team: TeamName, email: MemberEmail, role: RoleArgument) -> None:
    """Change the role of a member."""
    found = find_team(session, team)
    view = session.api.patch(_path(found) + f"/members/{segment(_user_id(session, found, email))}", {"role": role})
    session.output.show(view, f"✓ {email} has the role {view['role']} in {render.title(found)}.")
    session.output.next_step(f'capsule teams members "{team}"')


def grant(session: Session, team: TeamName, email: MemberEmail, grants: Grants = None) -> None:
    """Set what a member may do beyond the role.

    Replaces all grants of the member. A protected environment (production) must be named.
    """
    found = find_team(session, team)
    body = {"grants": [parse_grant(session, each) for each in grants or ()]}
    view = session.api.put(_path(found) + f"/members/{segment(_user_id(session, found, email))}/grants", body)
    session.output.show(view, f"✓ Grants of {email}: {render.grants(view['grants'], application_names(session, [view]))}.")
    session.output.next_step(f'capsule teams members "{team}"')


def remove(session: Session, team: TeamName, email: MemberEmail) -> None:
    """Remove a member from a team."""
    found = find_team(session, team)
    user_id = _user_id(session, found, email)
    session.api.delete(_path(found) + f"/members/{segment(user_id)}")
    session.output.show({"userId": user_id}, f"✓ {email} is no member of {render.title(found)} any more.")
    session.output.next_step(f'capsule teams members "{team}"')


def leave(session: Session, team: TeamName) -> None:
    """Leave a team."""
    found = find_team(session, team)
    session.api.delete(_path(found) + "/membership")
    session.output.show({"id": found["id"]}, f"✓ You are no member of {render.title(found)} any more.")
    session.output.next_step("capsule teams list")


def transfer(session: Session, team: TeamName, email: MemberEmail, password_stdin: PasswordStdin = False) -> None:
    """Make another member the owner of your team.

    You become an administrator of the team.
    """
    found = find_team(session, team)
    body = {"userId": _user_id(session, found, email)}
    view = session.confirmed(lambda: session.api.post(_path(found) + "/transfer", body), from_stdin=password_stdin)
    session.output.show(view, f"✓ {email} owns the team {render.title(found)}. Your role is {view['role']}.")
    session.output.next_step(f'capsule teams members "{team}"')


def permissions(session: Session) -> None:
    """Show what you may do in each of your teams."""
    items = session.operations.auth.permissions()["items"]
    session.output.show(items, render.permissions(items, application_names(session, items)))
    session.output.next_step("capsule teams list")


def application_names(session: Session, holders: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the names, by id, of the applications that the grants name; nothing is requested without a grant."""
    if not any(each["grants"] for each in holders):
        return {}
    return {each["id"]: each["name"] for each in session.operations.deploy.all_applications(limit=100)}


def _path(team: TeamView) -> str:
    return f"/v1/teams/{segment(team['id'])}"


def _user_id(session: Session, team: TeamView, text: str) -> str:
    """Return the id of the member with that address or id."""
    if is_full_id(text):
        return text
    members = session.operations.auth.team_members(team["id"])["items"]
    found = next((each["userId"] for each in members if each["email"] == text.strip().lower()), None)
    if found is None:
        raise NotFound(f'{render.title(team)} has no member "{text}"', hint=f'capsule teams members "{render.title(team)}"')
    return str(found)


def parse_grant(session: Session, text: str) -> dict[str, str | None]:
    """Parse `APP` or `APP:ENV`."""
    name, _, environment = text.partition(":")
    if not name:
        raise UsageError(f'"{text}" is no grant', hint="Use APP or APP:ENV, such as shop:production")
    return {"applicationId": session.application(name)["id"], "environment": environment or None}
