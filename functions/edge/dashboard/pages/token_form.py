"""The form of a new API token, of a user or of a service account. A new token is shown once."""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.pages.forms import respond_refused, whole_number
from functions.edge.dashboard.visit import Visit
from functions.kernel import Scope

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


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """What the form lets one choose."""

    scopes: dict[str, str]
    lifetimes: dict[int, str] = field(default_factory=lambda: LIFETIMES)

    @classmethod
    def of(cls, *, has_admin: bool) -> "TokenChoice":
        return cls({each.value: text for each, text in SCOPES.items() if has_admin or each is not Scope.ADMIN})


def initial_values(*scopes: Scope) -> dict[str, str]:
    return {**{f"{SCOPE}{each.value}": "on" for each in scopes}, "days": "90"}


class TokenPage(Protocol):
    """Shows the page of the form again: with what is wrong, or the token that was created."""

    def __call__(self, visit: Visit, problem: ApiProblem | None = None, created: Any = None) -> Awaitable[Response]: ...


async def create_token(visit: Visit, page: TokenPage, back: str, function: str, **ids: str) -> Response:
    """`function`: creates a token with the fields of the form and `ids`."""
    form = await visit.form()
    scopes = [name.removeprefix(SCOPE) for name in form if name.startswith(SCOPE)]
    if not scopes:
        return await page(visit, ApiProblem(422, "The token needs a scope", "Choose at least one of what the token may do."))
    fields = {"name": form.get("name", ""), "scopes": scopes, "expiresInDays": whole_number(form.get("days", ""))}
    try:
        created = await visit.call(function, **ids, **fields)
    except ApiProblem as problem:
        return await respond_refused(visit, problem, page, back)
    return await page(visit, created=created)
