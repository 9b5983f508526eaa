"""Passkeys: register, rename and delete them on the page of the account, and sign in with them. Their script asks for challenges here."""

from typing import Any

from starlette.responses import JSONResponse, Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.cookies import Tokens, local_path
from functions.edge.dashboard.pages.access import sign_in_page
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.pages.security import change
from functions.edge.dashboard.visit import Visit


async def _challenge(visit: Visit, function: str, **fields: Any) -> Response:
    """Call without the form's key: a page asks for another challenge at each attempt, and an answer with a challenge is not kept."""
    try:
        return JSONResponse(await visit.api.call(function, visit.visitor, fields))
    except ApiProblem as problem:
        return JSONResponse({"slug": problem.slug, "detail": problem.detail or problem.title}, problem.status)


async def registration_challenge(visit: Visit) -> Response:
    return await _challenge(visit, "auth.begin_passkey_registration")


async def login_challenge(visit: Visit) -> Response:
    form = await visit.form()
    return await _challenge(visit, "auth.begin_passkey_login", challenge=form.get("challenge") or None)


async def register(visit: Visit) -> Response:
    form = await visit.form()
    fields = {"challengeId": form.get("challengeId", ""), "credential": form.get("credential", ""), "name": form.get("passkeyName", "")}
    return await change(visit, "auth.register_passkey", "passkey-registered", **fields)


async def rename(visit: Visit) -> Response:
    name = (await visit.form()).get("passkeyName", "")
    return await change(visit, "auth.rename_passkey", "saved", passkeyId=visit.path_value("passkey_id"), name=name)


async def delete(visit: Visit) -> Response:
    await visit.form()
    return await change(visit, "auth.delete_passkey", "passkey-deleted", passkeyId=visit.path_value("passkey_id"))


async def sign_in(visit: Visit) -> Response:
    form = await visit.form()
    next_page = form.get("next", "")
    fields = {"challengeId": form.get("challengeId", ""), "credential": form.get("credential", ""), "challenge": form.get("challenge") or None}
    try:
        session = await visit.call("auth.login_with_passkey", **fields)
    except ApiProblem as problem:
        return await sign_in_page(visit, next_page, problem=problem)
    visit.new_tokens = Tokens.of(session)
    return visit.redirect(local_path(next_page))


PAGES = (
    Page("POST", "/sign-in/passkey/challenge", login_challenge, is_for_members=False),
    Page("POST", "/sign-in/passkey", sign_in, is_for_members=False),
    Page("POST", "/account/passkeys/challenge", registration_challenge),
    Page("POST", "/account/passkeys", register),
    Page("POST", "/account/passkeys/{passkey_id}/name", rename),
    Page("POST", "/account/passkeys/{passkey_id}/deletion", delete),
)
