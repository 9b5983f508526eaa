"""API tokens: list, create and revoke them. A new token is shown once."""

from typing import Any

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.pages.forms import respond_refused, submit, whole_number
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit
from functions.kernel import Scope

TOKENS = "/account/tokens"
SCOPES = {
    Scope.READ: "read everything except the account's security",
    Scope.DEPLOY: "create, configure and deploy applications",
    Scope.MONITOR: "manage alert rules, alert channels and, with the scope read, webhooks",
    Scope.BILLING: "change the plan and pay invoices",
    Scope.ADMIN: "what administrators of the installation do",
}
"""Scope → what it allows."""
LIFETIMES = {30: "30 days", 90: "90 days", 180: "180 days", 365: "a year"}
"""Days → how the form names them."""
SCOPE = "scope-"
"""Before the scope in the name of its checkbox."""


async def show(visit: Visit) -> Response:
    return await _page(visit)


async def _page(visit: Visit, problem: ApiProblem | None = None, created: Any = None) -> Response:
    tokens = await visit.call("auth.tokens")
    scopes = {each.value: text for each, text in SCOPES.items() if each is not Scope.ADMIN or visit.is_administrator}
    return visit.render(
        "account/tokens.html",
        problem.status if problem else 200,
        tokens=tokens["items"],
        scopes=scopes,
        lifetimes=LIFETIMES,
        values=await visit.form() if problem else {"scope-read": "on", "days": "90"},
        created=created,
        problem=problem,
    )


async def create(visit: Visit) -> Response:
    form = await visit.form()
    scopes = [name.removeprefix(SCOPE) for name in form if name.startswith(SCOPE)]
    if not scopes:
        return await _page(visit, ApiProblem(422, "The token needs a scope", "Choose at least one of what the token may do."))
    days = form.get("days", "")
    fields = {"name": form.get("name", ""), "scopes": scopes, "expiresInDays": whole_number(days)}
    try:
        created = await visit.call("auth.create_token", **fields)
    except ApiProblem as problem:
        return await respond_refused(visit, problem, _page, TOKENS)
    return await _page(visit, created=created)


async def revoke(visit: Visit) -> Response:
    return await submit(visit, _page, TOKENS, "token-revoked", "auth.revoke_token", tokenId=visit.path_value("token"))


PAGES = (
    Page("GET", TOKENS, show),
    Page("POST", TOKENS, create),
    Page("POST", "/account/tokens/{token}/revocation", revoke),
)
