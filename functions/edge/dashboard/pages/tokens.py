"""API tokens of the visitor: list, create and revoke them."""

from typing import Any

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.pages.forms import submit
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.pages.token_form import TokenChoice, create_token, initial_values
from functions.edge.dashboard.visit import Visit
from functions.kernel import Scope

TOKENS = "/account/tokens"


async def show(visit: Visit) -> Response:
    return await _page(visit)


async def _page(visit: Visit, problem: ApiProblem | None = None, created: Any = None) -> Response:
    tokens = await visit.call("auth.tokens")
    return visit.render(
        "account/tokens.html",
        problem.status if problem else 200,
        tokens=tokens["items"],
        choice=TokenChoice.of(has_admin=visit.is_administrator),
        values=await visit.form() if problem else initial_values(Scope.READ),
        created=created,
        problem=problem,
    )


async def create(visit: Visit) -> Response:
    return await create_token(visit, _page, TOKENS, "auth.create_token")


async def revoke(visit: Visit) -> Response:
    return await submit(visit, _page, TOKENS, "token-revoked", "auth.revoke_token", tokenId=visit.path_value("token"))


PAGES = (
    Page("GET", TOKENS, show),
    Page("POST", TOKENS, create),
    Page("POST", "/account/tokens/{token}/revocation", revoke),
)
