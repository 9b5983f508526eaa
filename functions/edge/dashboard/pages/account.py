"""The account: profile, password, sessions, identities at providers, deletion."""

from typing import Any

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.cookies import REFRESH, Tokens
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit, gather


async def show(visit: Visit) -> Response:
    return await _page(visit, None)


async def _page(visit: Visit, problem: ApiProblem | None) -> Response:
    profile, sessions, identities, providers, passkeys = await gather(
        visit.call("auth.profile"),
        visit.call("auth.sessions", limit=100),
        visit.call("auth.identities"),
        visit.call("auth.identity_providers"),
        visit.call("auth.passkeys"),
    )
    if problem is not None and problem.slug == "recent-login-required":
        return visit.render("confirm_identity.html", 403, problem=None)
    return visit.render(
        "account.html",
        problem.status if problem else 200,
        profile=profile,
        sessions=sessions["items"],
        identities=identities["items"],
        providers=providers["items"],
        passkeys=passkeys["items"],
        problem=problem,
    )


async def change(visit: Visit, function: str, done: str, **fields: Any) -> Response:
    """Call a function and show the account again: as changed, or with what is wrong."""
    try:
        await visit.call(function, **fields)
    except ApiProblem as problem:
        if problem.status == 401:
            raise
        return await _page(visit, problem)
    return visit.redirect("/account", done=done)


async def confirmation_form(visit: Visit) -> Response:
    """The form that makes the sign-in recent."""
    return visit.render("confirm_identity.html", problem=None)


async def change_password(visit: Visit) -> Response:
    form = await visit.form()
    fields = {"currentPassword": form.get("currentPassword", ""), "password": form.get("password", "")}
    return await change(visit, "auth.change_password", "password-changed", **fields)


async def rename(visit: Visit) -> Response:
    return await change(visit, "auth.update_profile", "saved", name=(await visit.form()).get("name", ""))


async def revoke_session(visit: Visit) -> Response:
    await visit.form()
    return await change(visit, "auth.revoke_session", "session-ended", sessionId=visit.path_value("session_id"))


async def confirm_identity(visit: Visit) -> Response:
    """The password or a code makes the sign-in recent; the form that needed it is sent again by its user."""
    form = await visit.form()
    fields = {"code": form.get("code") or None, "password": form.get("password") or None}
    try:
        confirmed = await visit.call("auth.confirm_identity", **fields)
    except ApiProblem as problem:
        if problem.status == 401:
            raise
        return visit.render("confirm_identity.html", problem.status, problem=problem)
    visit.new_tokens = Tokens(confirmed["accessToken"], visit.cookie(REFRESH), confirmed["expiresIn"])
    return visit.redirect("/account", done="identity-confirmed")


async def unlink_identity(visit: Visit) -> Response:
    await visit.form()
    return await change(visit, "auth.unlink_identity", "identity-unlinked", identityId=visit.path_value("identity_id"))


async def delete(visit: Visit) -> Response:
    form = await visit.form()
    profile = await visit.call("auth.profile")
    if form.get("email", "") != profile["email"]:
        return await _page(visit, ApiProblem(422, "The account was not deleted", f"Type {profile['email']} to confirm the deletion."))
    try:
        await visit.call("auth.delete_account", password=form.get("password", ""))
    except ApiProblem as problem:
        if problem.status == 401:
            raise
        return await _page(visit, problem)
    visit.has_signed_out = True
    return visit.redirect("/sign-in", done="account-deleted")


async def restore(visit: Visit) -> Response:
    await visit.form()
    return await change(visit, "auth.restore_account", "account-restored")


PAGES = (
    Page("GET", "/account", show),
    Page("POST", "/account/password", change_password),
    Page("POST", "/account/name", rename),
    Page("POST", "/account/sessions/{session_id}/revocation", revoke_session),
    Page("GET", "/account/confirmation", confirmation_form),
    Page("POST", "/account/confirmation", confirm_identity),
    Page("POST", "/account/identities/{identity_id}/removal", unlink_identity),
    Page("POST", "/account/deletion", delete),
    Page("POST", "/account/restoration", restore),
)
