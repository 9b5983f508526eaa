"""How the user signs in: the second factor, passkeys, identities at providers, and the sessions."""

from typing import Any

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.pages.forms import respond_refused, submit
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit, gather

SECURITY = "/account/security"


async def show(visit: Visit) -> Response:
    return await _page(visit)


async def _page(visit: Visit, problem: ApiProblem | None = None) -> Response:
    sessions, factor, identities, providers, passkeys = await gather(
        visit.call("auth.sessions", limit=100),
        visit.call("auth.second_factor"),
        visit.call("auth.identities"),
        visit.call("auth.identity_providers"),
        visit.call("auth.passkeys"),
    )
    return visit.render(
        "account/security.html",
        problem.status if problem else 200,
        sessions=sessions["items"],
        factor=factor,
        identities=identities["items"],
        providers=providers["items"],
        passkeys=passkeys["items"],
        problem=problem,
    )


async def change(visit: Visit, function: str, done: str, **fields: Any) -> Response:
    """Call a function and show the page again: as changed, or with what is wrong."""
    return await submit(visit, _page, SECURITY, done, function, **fields)


async def revoke_session(visit: Visit) -> Response:
    return await change(visit, "auth.revoke_session", "session-ended", sessionId=visit.path_value("session_id"))


async def revoke_sessions(visit: Visit) -> Response:
    """End the other sessions, or all of them with this one."""
    if (await visit.form()).get("which") != "all":
        return await change(visit, "auth.revoke_sessions", "sessions-ended", **{"except": "current"})
    await visit.call("auth.revoke_sessions")
    visit.has_signed_out = True
    return visit.redirect("/sign-in", done="signed-out")


async def unlink_identity(visit: Visit) -> Response:
    return await change(visit, "auth.unlink_identity", "identity-unlinked", identityId=visit.path_value("identity_id"))


async def begin_second_factor(visit: Visit) -> Response:
    """Show a new secret, once: it is on no other page."""
    await visit.form()
    try:
        begun = await visit.call("auth.begin_second_factor")
    except ApiProblem as problem:
        return await respond_refused(visit, problem, _page, SECURITY)
    return visit.render("account/second_factor.html", secret=begun["secret"], picture=_qr_code(begun["uri"]), problem=None)


def _qr_code(text: str) -> str:
    """A QR code (ISO/IEC 18004) as a data URI, dark on light also in the dark theme: some scanners read no inverted ones."""
    import segno  # slow to import, and no other page needs it

    return str(segno.make(text, error="m").svg_data_uri(scale=4, border=4, dark="#000", light="#fff"))


async def enable_second_factor(visit: Visit) -> Response:
    form = await visit.form()
    try:
        enabled = await visit.call("auth.enable_second_factor", code=form.get("code", ""))
    except ApiProblem as problem:
        return await respond_refused(visit, problem, _code_again, SECURITY)
    return visit.render("account/recovery_codes.html", codes=enabled["codes"], is_new=True)


async def _code_again(visit: Visit, problem: ApiProblem) -> Response:
    """The application has the secret already: it is not shown again."""
    return visit.render("account/second_factor.html", problem.status, secret="", picture="", problem=problem)


async def replace_recovery_codes(visit: Visit) -> Response:
    await visit.form()
    try:
        replaced = await visit.call("auth.replace_recovery_codes")
    except ApiProblem as problem:
        return await respond_refused(visit, problem, _page, SECURITY)
    return visit.render("account/recovery_codes.html", codes=replaced["codes"], is_new=False)


async def disable_second_factor(visit: Visit) -> Response:
    return await change(visit, "auth.disable_second_factor", "second-factor-off")


PAGES = (
    Page("GET", SECURITY, show),
    Page("POST", "/account/sessions/revocation", revoke_sessions),
    Page("POST", "/account/sessions/{session_id}/revocation", revoke_session),
    Page("POST", "/account/identities/{identity_id}/removal", unlink_identity),
    Page("POST", "/account/second-factor", begin_second_factor),
    Page("POST", "/account/second-factor/activation", enable_second_factor),
    Page("POST", "/account/second-factor/recovery-codes", replace_recovery_codes),
    Page("POST", "/account/second-factor/removal", disable_second_factor),
)
