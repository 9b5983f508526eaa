"""Teams: list, create, show, rename, transfer, leave and delete them, and invite members."""

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem, Json
from functions.edge.dashboard.pages.forms import respond_refused, submit
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.pages.team_choice import permissions_in, title
from functions.edge.dashboard.visit import Visit, gather, permitted
from functions.kernel import Permission, Role

ROLES = {
    Role.OWNER: "everything, also plan, payments and deletion",
    Role.ADMIN: "all applications and the members, reads bills",
    Role.DEVELOPER: "deploys and configures, production needs a grant",
    Role.VIEWER: "reads applications, logs and metrics",
    Role.BILLING: "reads and pays bills, sees no application",
}
"""Role → what it is for."""
OWNERS_GIVE = (Role.OWNER, Role.BILLING)
"""Roles that allow what an administrator of the team may not do: only owners give them."""
TEAMS = "/teams"


def roles_to_give(allowed: frozenset[str]) -> dict[str, str]:
    """The roles that somebody with these permissions may give, each with what it is for."""
    return {role.value: text for role, text in ROLES.items() if Permission.TEAM_OWN in allowed or role not in OWNERS_GIVE}


def path_of(visit: Visit) -> str:
    return f"{TEAMS}/{visit.path_value('team')}"


async def load(visit: Visit) -> Json:
    """A team with its members and what the visitor may do in it. Raises ApiProblem 404."""
    team_id = visit.path_value("team")
    team, members, permissions = await gather(
        visit.call("auth.team", teamId=team_id),
        permitted(visit.call("auth.team_members", teamId=team_id)),
        visit.call("auth.permissions"),
    )
    return {
        "team": {**team, "title": title(team)},
        "members": members["items"] if members else [],
        "allowed": permissions_in(team_id, permissions),
    }


async def index(visit: Visit) -> Response:
    return await _index(visit)


async def _index(visit: Visit, problem: ApiProblem | None = None) -> Response:
    teams = [{**each, "title": title(each)} for each in (await visit.call("auth.teams"))["items"]]
    name = (await visit.form()).get("name", "") if problem else ""
    return visit.render("teams/index.html", problem.status if problem else 200, teams=teams, roles=ROLES, name=name, problem=problem)


async def create(visit: Visit) -> Response:
    form = await visit.form()
    try:
        team = await visit.call("auth.create_team", name=form.get("name", ""))
    except ApiProblem as problem:
        return await respond_refused(visit, problem, _index, TEAMS)
    return visit.redirect(f"{TEAMS}/{team['id']}", done="team-created")


async def show(visit: Visit) -> Response:
    return await _team(visit)


async def _team(visit: Visit, problem: ApiProblem | None = None) -> Response:
    team_id = visit.path_value("team")
    loaded, invitations, applications = await gather(
        load(visit),
        permitted(visit.call("auth.invitations", teamId=team_id)),
        permitted(visit.call("deploy.applications", teamId=team_id, limit="100")),
    )
    listed = applications["items"] if applications else []
    return visit.render(
        "teams/members.html",
        problem.status if problem else 200,
        **loaded,
        invitations=invitations["items"] if invitations else [],
        names={each["id"]: each["name"] for each in listed},
        roles=roles_to_give(loaded["allowed"]),
        values=await visit.form() if problem else {},
        problem=problem,
    )


async def invite(visit: Visit) -> Response:
    form = await visit.form()
    fields = {"teamId": visit.path_value("team"), "email": form.get("email", ""), "role": form.get("role", "")}
    return await submit(visit, _team, path_of(visit), "invited", "auth.invite_member", **fields)


async def revoke_invitation(visit: Visit) -> Response:
    fields = {"teamId": visit.path_value("team"), "invitationId": visit.path_value("invitation")}
    return await submit(visit, _team, path_of(visit), "invitation-revoked", "auth.revoke_invitation", **fields)


async def settings(visit: Visit) -> Response:
    return await _settings(visit)


async def _settings(visit: Visit, problem: ApiProblem | None = None) -> Response:
    return visit.render("teams/settings.html", problem.status if problem else 200, **await load(visit), problem=problem)


async def rename(visit: Visit) -> Response:
    name = (await visit.form()).get("name", "")
    return await submit(visit, _settings, f"{path_of(visit)}/settings", "saved", "auth.update_team", teamId=visit.path_value("team"), name=name)


async def transfer(visit: Visit) -> Response:
    fields = {"teamId": visit.path_value("team"), "userId": (await visit.form()).get("user", "")}
    return await submit(visit, _settings, f"{path_of(visit)}/settings", "team-transferred", "auth.transfer_team", **fields)


async def leave(visit: Visit) -> Response:
    await visit.form()
    try:
        await visit.call("auth.leave_team", teamId=visit.path_value("team"))
    except ApiProblem as problem:
        return await respond_refused(visit, problem, _settings, f"{path_of(visit)}/settings")
    return visit.redirect(TEAMS, done="team-left")


async def delete(visit: Visit) -> Response:
    form, team_id = await visit.form(), visit.path_value("team")
    team = await visit.call("auth.team", teamId=team_id)
    if form.get("name") != team["name"]:
        return await _settings(visit, ApiProblem(422, "The name does not match", f'Type "{team["name"]}" to delete the team.'))
    try:
        await visit.call("auth.delete_team", teamId=team_id)
    except ApiProblem as problem:
        return await respond_refused(visit, problem, _settings, f"{path_of(visit)}/settings")
    return visit.redirect(TEAMS, done="team-deleted")


PAGES = (
    Page("GET", TEAMS, index),
    Page("POST", TEAMS, create),
    Page("GET", "/teams/{team}", show),
    Page("POST", "/teams/{team}/invitations", invite),
    Page("POST", "/teams/{team}/invitations/{invitation}/revocation", revoke_invitation),
    Page("GET", "/teams/{team}/settings", settings),
    Page("POST", "/teams/{team}/name", rename),
    Page("POST", "/teams/{team}/transfer", transfer),
    Page("POST", "/teams/{team}/departure", leave),
    Page("POST", "/teams/{team}/deletion", delete),
)
