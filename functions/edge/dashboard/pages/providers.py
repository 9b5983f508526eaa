"""Sign in with a provider, or link one to the account: to the provider, back, and the wait for its answer.

The secret of the sign-in is in a cookie that scripts cannot read. The provider sends the browser back by a link, which is no form of the dashboard:
the secret and `state` protect it. A page leads to the provider, because the Content-Security-Policy lets no form lead elsewhere.
"""

import asyncio
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.cookies import NEXT, SIGN_IN, Tokens, local_path
from functions.edge.dashboard.pages.access import sign_in_page
from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit

LINK = "link:"
"""Before the secret of a sign-in that links an identity."""
PARAMETERS = {
    "clientId": "client_id",
    "redirectUri": "redirect_uri",
    "responseType": "response_type",
    "scope": "scope",
    "state": "state",
    "nonce": "nonce",
    "codeChallenge": "code_challenge",
    "codeChallengeMethod": "code_challenge_method",
}
"""Of the authorization request: by names of the API."""
WAITING = "/sign-in/waiting"
POLLS, POLL_SECONDS = 12, 0.4
"""How often one page asks for the provider's answer before it loads again."""


async def begin(visit: Visit) -> Response:
    next_page = (await visit.form()).get("next", "")
    try:
        return await _to_provider(visit, "auth.begin_provider_login", "", next_page)
    except ApiProblem as problem:
        return await sign_in_page(visit, next_page, problem=problem)


async def begin_link(visit: Visit) -> Response:
    await visit.form()
    try:
        return await _to_provider(visit, "auth.begin_identity_link", LINK, "")
    except ApiProblem as problem:
        if problem.slug != "recent-login-required":
            raise
        return visit.confirmation("/account/security")


async def _to_provider(visit: Visit, function: str, prefix: str, next_page: str) -> Response:
    name = visit.path_value("provider")
    provider = await visit.call("auth.identity_provider", provider=name)
    begun = await visit.call(function, provider=name)
    visit.cookies = {SIGN_IN: prefix + begun["token"], NEXT: local_path(next_page) if next_page else ""}
    endpoint = provider["authorizationEndpoint"]
    query = urlencode({parameter: begun[field] for field, parameter in PARAMETERS.items()})
    url = f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"
    return visit.render("provider_redirect.html", title=f"To {provider['title']}", url=url, seconds=0)


async def receive(visit: Visit) -> Response:
    """Where the provider sends the browser back to."""
    _, secret = _secret(visit)
    query = visit.query
    response: dict[str, Any] = {"code": query("code") or None, "iss": query("iss") or None, "error": query("error")[:200]}
    try:
        await visit.call("auth.receive_authorization_response", provider=visit.path_value("provider"), token=secret, state=query("state"), **response)
    except ApiProblem as problem:
        return await _end(visit, problem)
    return await wait(visit)


async def wait(visit: Visit) -> Response:
    links, secret = _secret(visit)
    function = "auth.finish_identity_link" if links else "auth.finish_provider_login"
    for _ in range(POLLS):
        try:
            result = await visit.call(function, token=secret)
        except ApiProblem as problem:
            if problem.slug != "provider-login-pending":
                return await _end(visit, problem)
            await asyncio.sleep(POLL_SECONDS)
            continue
        next_page = visit.cookie(NEXT)
        _forget(visit)
        if links:
            return visit.redirect("/account/security", done="identity-linked")
        visit.new_tokens = Tokens.of(result)
        return visit.redirect(local_path(next_page))
    return visit.render("provider_redirect.html", title="Waiting for the provider", url=WAITING, seconds=1)


async def _end(visit: Visit, problem: ApiProblem) -> Response:
    """The sign-in is over without a session."""
    links, _ = _secret(visit)
    next_page = visit.cookie(NEXT)
    _forget(visit)
    if problem.slug == "second-factor-required":
        return visit.render("sign_in_code.html", next=next_page, challenge=problem.challenge, problem=None)
    if links:
        return visit.render("problem.html", problem.status, problem=problem)
    return await sign_in_page(visit, next_page, problem=problem)


def _secret(visit: Visit) -> tuple[bool, str]:
    """Whether the sign-in links an identity, and its secret."""
    value = visit.cookie(SIGN_IN)
    return value.startswith(LINK), value.removeprefix(LINK)


def _forget(visit: Visit) -> None:
    visit.cookies = {SIGN_IN: "", NEXT: ""}


PAGES = (
    Page("POST", "/sign-in/providers/{provider}", begin, is_for_members=False),
    Page("GET", "/sign-in/callback/{provider}", receive, is_for_members=False),
    Page("GET", WAITING, wait, is_for_members=False),
    Page("POST", "/account/providers/{provider}", begin_link),
)
