"""Service accounts of a team: create, change, disable and delete them, and their API tokens. A new token is shown once."""

from typing import Any

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.pages.forms import submit
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.pages.teams import load, path_of, roles_to_give
from functions.edge.dashboard.pages.token_form import TokenChoice, initial_values
from functions.edge.dashboard.pages.token_form import create_token as create_api_token
from functions.edge.dashboard.visit import Visit, gather, permitted
from functions.kernel import Role, Scope

UNKNOWN = ApiProblem(404, "The team has no such service account", "The team's page of service accounts lists them.")


def _roles(allowed: frozenset[str]) -> dict[str, str]:
    return {role: text for role, text in roles_to_give(allowed).items() if role != Role.OWNER}


def _ids(visit: Visit) -> dict[str, str]:
    return {"teamId": visit.path_value("team"), "serviceAccountId": visit.path_value("account")}


def _list_path(visit: Visit) -> str:
    return f"{path_of(visit)}/service-accounts"


def _path(visit: Visit) -> str:
    return f"{_list_path(visit)}/{visit.path_value('account')}"


async def index(visit: Visit) -> Response:
    return await _index(visit)


async def _index(visit: Visit, problem: ApiProblem | None = None) -> Response:
    loaded, found = await gather(load(visit), permitted(visit.call("auth.service_accounts", teamId=visit.path_value("team"))))
    return visit.render(
        "teams/service_accounts.html",
        problem.status if problem else 200,
        **loaded,
        accounts=found["items"] if found else [],
        roles=_roles(loaded["allowed"]),
        values=await visit.form() if problem else {},
        problem=problem,
    )


async def create(visit: Visit) -> Response:
    form = await visit.form()
    fields = {"teamId": visit.path_value("team"), "name": form.get("name", ""), "role": form.get("role", "")}
    return await submit(visit, _index, _list_path(visit), "saved", "auth.create_service_account", **fields)


async def show(visit: Visit) -> Response:
    return await _account(visit)


async def _account(visit: Visit, problem: ApiProblem | None = None, created: Any = None) -> Response:
    loaded, found, tokens = await gather(
        load(visit),
        visit.call("auth.service_accounts", teamId=visit.path_value("team")),
        permitted(visit.call("auth.service_account_tokens", **_ids(visit))),
    )
    account = next((each for each in found["items"] if each["id"] == visit.path_value("account")), None)
    if account is None:
        raise UNKNOWN
    return visit.render(
        "teams/service_account.html",
        problem.status if problem else 200,
        **loaded,
        account=account,
        tokens=tokens["items"] if tokens else [],
        creators={each["userId"]: each["email"] for each in loaded["members"]},
        roles=_roles(loaded["allowed"]),
        choice=TokenChoice.of(has_admin=False),
        values=await visit.form() if problem else initial_values(Scope.READ, Scope.DEPLOY),
        created=created,
        problem=problem,
    )


async def change_role(visit: Visit) -> Response:
    return await _change(visit, role=(await visit.form()).get("role", ""))


async def disable(visit: Visit) -> Response:
    return await _change(visit, isDisabled=True)


async def enable(visit: Visit) -> Response:
    return await _change(visit, isDisabled=False)


async def _change(visit: Visit, **fields: Any) -> Response:
    return await submit(visit, _account, _path(visit), "saved", "auth.update_service_account", **_ids(visit), **fields)


async def delete(visit: Visit) -> Response:
    return await submit(visit, _account, _list_path(visit), "service-account-deleted", "auth.delete_service_account", **_ids(visit))


async def create_token(visit: Visit) -> Response:
    return await create_api_token(visit, _account, _path(visit), "auth.create_service_account_token", **_ids(visit))


async def revoke_token(visit: Visit) -> Response:
    fields = {**_ids(visit), "tokenId": visit.path_value("token")}
    return await submit(visit, _account, _path(visit), "token-revoked", "auth.revoke_service_account_token", **fields)


PAGES = (
    Page("GET", "/teams/{team}/service-accounts", index),
    Page("POST", "/teams/{team}/service-accounts", create),
    Page("GET", "/teams/{team}/service-accounts/{account}", show),
    Page("POST", "/teams/{team}/service-accounts/{account}/role", change_role),
    Page("POST", "/teams/{team}/service-accounts/{account}/disabling", disable),
    Page("POST", "/teams/{team}/service-accounts/{account}/enabling", enable),
    Page("POST", "/teams/{team}/service-accounts/{account}/deletion", delete),
    Page("POST", "/teams/{team}/service-accounts/{account}/tokens", create_token),
    Page("POST", "/teams/{team}/service-accounts/{account}/tokens/{token}/revocation", revoke_token),
)
