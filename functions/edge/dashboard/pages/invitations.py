"""The page behind the link of an invitation's e-mail. Signing in, or up, leads back to it."""

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.pages.forms import respond_refused
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit

ACCEPT_INVITATION = "/accept-invitation"


async def show(visit: Visit) -> Response:
    return await _invitation(visit)


async def _invitation(visit: Visit, problem: ApiProblem | None = None) -> Response:
    profile = await visit.call("auth.profile")
    token = (await visit.form()).get("secretToken", "") if problem else visit.query("token")
    return visit.render("teams/accept_invitation.html", problem.status if problem else 200, email=profile["email"], token=token, problem=problem)


async def accept(visit: Visit) -> Response:
    form = await visit.form()
    try:
        team = await visit.call("auth.accept_invitation", token=form.get("secretToken", ""))
    except ApiProblem as problem:
        return await respond_refused(visit, problem, _invitation, ACCEPT_INVITATION)
    return visit.redirect(f"/teams/{team['id']}", done="team-joined")


PAGES = (
    Page("GET", ACCEPT_INVITATION, show),
    Page("POST", ACCEPT_INVITATION, accept),
)
