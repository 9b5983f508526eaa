"""The profile: name, e-mail address, password, export and deletion of the account, and the confirmation of the identity."""

import orjson
from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.cookies import REFRESH, Tokens, local_path
from functions.edge.dashboard.pages.forms import respond_refused, submit
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit, gather, permitted

ACCOUNT = "/account"


async def show(visit: Visit) -> Response:
    return await _page(visit)


async def _page(visit: Visit, problem: ApiProblem | None = None) -> Response:
    calls = visit.call("auth.profile"), permitted(visit.call("auth.email_change")), visit.call("auth.email_delivery")
    profile, email_change, delivery = await gather(*calls)
    status = problem.status if problem else 200
    return visit.render("account/profile.html", status, profile=profile, email_change=email_change, delivery=delivery, problem=problem)


async def lift_suppression(visit: Visit) -> Response:
    return await submit(visit, _page, ACCOUNT, "suppression-lifted", "auth.lift_own_suppression")


async def rename(visit: Visit) -> Response:
    return await submit(visit, _page, ACCOUNT, "saved", "auth.update_profile", name=(await visit.form()).get("name", ""))


async def change_password(visit: Visit) -> Response:
    form = await visit.form()
    fields = {"currentPassword": form.get("currentPassword", ""), "password": form.get("password", "")}
    return await submit(visit, _page, ACCOUNT, "password-changed", "auth.change_password", **fields)


async def request_email_change(visit: Visit) -> Response:
    form = await visit.form()
    fields = {"email": form.get("newEmail", ""), "password": form.get("password", "")}
    return await submit(visit, _page, ACCOUNT, "email-change-requested", "auth.request_email_change", **fields)


async def cancel_email_change(visit: Visit) -> Response:
    return await submit(visit, _page, ACCOUNT, "email-change-cancelled", "auth.cancel_email_change")


async def export(visit: Visit) -> Response:
    """One file with the data of all contexts, as `capsule account export` prints it."""
    names = ("auth", "billing", "deploy", "monitor")
    documents = await gather(visit.call("auth.export"), visit.call("billing.export"), visit.call("deploy.export"), visit.call("monitor.export"))
    content = orjson.dumps(dict(zip(names, documents, strict=True)), option=orjson.OPT_INDENT_2)
    return Response(content, media_type="application/json", headers={"content-disposition": 'attachment; filename="capsule-account.json"'})


async def confirmation_form(visit: Visit) -> Response:
    """The form that makes the sign-in recent."""
    return visit.render("confirm_identity.html", next=_next(visit.query("next")), problem=None)


async def confirm_identity(visit: Visit) -> Response:
    """The password or a code makes the sign-in recent; the form that needed it is sent again by its user."""
    form = await visit.form()
    fields = {"code": form.get("code") or None, "password": form.get("password") or None}
    next_page = _next(form.get("next", ""))
    try:
        confirmed = await visit.call("auth.confirm_identity", **fields)
    except ApiProblem as problem:
        if problem.status == 401:
            raise
        return visit.confirmation(next_page, problem)
    visit.new_tokens = Tokens(confirmed["accessToken"], visit.cookie(REFRESH), confirmed["expiresIn"])
    return visit.redirect(next_page, done="identity-confirmed")


def _next(target: str) -> str:
    """The page after the confirmation; a query is left out."""
    return local_path(target).partition("?")[0] if target else "/account/security"


async def delete(visit: Visit) -> Response:
    form = await visit.form()
    profile = await visit.call("auth.profile")
    if form.get("email", "") != profile["email"]:
        return await _page(visit, ApiProblem(422, "The account was not deleted", f"Type {profile['email']} to confirm the deletion."))
    try:
        await visit.call("auth.delete_account", password=form.get("password", ""))
    except ApiProblem as problem:
        return await respond_refused(visit, problem, _page, ACCOUNT)
    visit.has_signed_out = True
    return visit.redirect("/sign-in", done="account-deleted")


async def restore(visit: Visit) -> Response:
    return await submit(visit, _page, ACCOUNT, "account-restored", "auth.restore_account")


PAGES = (
    Page("GET", ACCOUNT, show),
    Page("POST", "/account/password", change_password),
    Page("POST", "/account/name", rename),
    Page("POST", "/account/email-change", request_email_change),
    Page("POST", "/account/email-change/cancellation", cancel_email_change),
    Page("POST", "/account/email-suppression/end", lift_suppression),
    Page("GET", "/account/export", export),
    Page("GET", "/account/confirmation", confirmation_form),
    Page("POST", "/account/confirmation", confirm_identity),
    Page("POST", "/account/deletion", delete),
    Page("POST", "/account/restoration", restore),
)
