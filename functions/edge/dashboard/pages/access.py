"""Sign up, sign in with one or two steps, reset a forgotten password, sign out."""

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.cookies import Tokens, local_path
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit, optional


async def sign_in_form(visit: Visit) -> Response:
    if visit.is_signed_in:
        return visit.redirect(local_path(visit.query("next")))
    return await sign_in_page(visit, visit.query("next"))


async def sign_in_page(visit: Visit, next_page: str, email: str = "", problem: ApiProblem | None = None) -> Response:
    """The form, with a button for each provider."""
    providers = await optional(visit.call("auth.identity_providers"))
    status = problem.status if problem else 200
    return visit.render("sign_in.html", status, next=next_page, email=email, problem=problem, providers=providers["items"] if providers else [])


async def sign_in(visit: Visit) -> Response:
    form = await visit.form()
    try:
        session = await visit.call("auth.login", email=form.get("email", ""), password=form.get("password", ""))
    except ApiProblem as problem:
        if problem.slug == "second-factor-required":
            return visit.render("sign_in_code.html", next=form.get("next", ""), challenge=problem.challenge, problem=None)
        return await sign_in_page(visit, form.get("next", ""), form.get("email", ""), problem)
    visit.new_tokens = Tokens.of(session)
    return visit.redirect(local_path(form.get("next", "")))


async def sign_in_with_code(visit: Visit) -> Response:
    form = await visit.form()
    next_page, challenge = form.get("next", ""), form.get("challenge", "")
    try:
        session = await visit.call("auth.login_second_factor", challenge=challenge, code=form.get("code", ""))
    except ApiProblem as problem:
        if problem.slug == "invalid-challenge":
            return await sign_in_page(visit, next_page, problem=problem)
        return visit.render("sign_in_code.html", problem.status, next=next_page, challenge=challenge, problem=problem)
    visit.new_tokens = Tokens.of(session)
    return visit.redirect(local_path(next_page))


async def forgotten_password_form(visit: Visit) -> Response:
    return visit.render("forgotten_password.html", email="", is_sent=False, problem=None)


async def send_password_reset(visit: Visit) -> Response:
    email = (await visit.form()).get("email", "")
    try:
        await visit.call("auth.request_password_reset", email=email)
    except ApiProblem as problem:
        return visit.render("forgotten_password.html", problem.status, email=email, is_sent=False, problem=problem)
    return visit.render("forgotten_password.html", email=email, is_sent=True, problem=None)


async def sign_up_form(visit: Visit) -> Response:
    return visit.render("sign_up.html", email="", next=visit.query("next"), problem=None)


async def sign_up(visit: Visit) -> Response:
    form = await visit.form()
    email, next_page = form.get("email", ""), form.get("next", "")
    try:
        await visit.call("auth.register", email=email, password=form.get("password", ""))
    except ApiProblem as problem:
        return visit.render("sign_up.html", problem.status, email=email, next=next_page, problem=problem)
    return visit.render("check_mail.html", email=email, next=next_page)


async def resend(visit: Visit) -> Response:
    form = await visit.form()
    await visit.call("auth.resend_verification", email=form.get("email", ""))
    return visit.render("check_mail.html", email=form.get("email", ""), next=form.get("next", ""))


async def sign_out(visit: Visit) -> Response:
    next_page = (await visit.form()).get("next", "")
    await visit.call("auth.logout")
    visit.has_signed_out = True
    return visit.redirect("/sign-in", done="signed-out", **({"next": local_path(next_page)} if next_page else {}))


PAGES = (
    Page("GET", "/sign-in", sign_in_form, is_for_members=False),
    Page("POST", "/sign-in", sign_in, is_for_members=False),
    Page("POST", "/sign-in/code", sign_in_with_code, is_for_members=False),
    Page("GET", "/forgotten-password", forgotten_password_form, is_for_members=False),
    Page("POST", "/forgotten-password", send_password_reset, is_for_members=False),
    Page("GET", "/sign-up", sign_up_form, is_for_members=False),
    Page("POST", "/sign-up", sign_up, is_for_members=False),
    Page("POST", "/sign-up/resend", resend, is_for_members=False),
    Page("POST", "/sign-out", sign_out),
)
