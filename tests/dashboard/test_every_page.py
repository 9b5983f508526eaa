"""Every page of a furnished dashboard, without a browser: it opens, costs two waves of calls at most, and shows nothing to another user."""

import re

from starlette.routing import compile_path

from functions.edge.dashboard.pages import PAGES
from tests.dashboard.browser import Browser
from tests.dashboard.furnished_site import OF_EVERYBODY, OF_VISITORS, FurnishedSite

MAX_WAVES = 2
WITHOUT_PICTURE = {
    "/sign-in/callback/{provider}": "redirects",
    "/sign-in/waiting": "redirects",
    "/palette": "a part of other pages",
    "/apps/{id}/deployments/{deployment}/events": "a stream",
    "/apps/{id}/logs/events": "a stream",
    "/billing/invoices/{invoice}/pdf": "a file",
    "/billing/invoices/{invoice}/credit-notes/{credit}/pdf": "a file",
    "/account/export": "a file",
    "/account/audit/export": "a file",
    "/operations/mailbox/{email}/html": "an e-mail in a frame",
}


async def test_every_page_opens_in_two_waves_and_is_closed_to_strangers() -> None:
    site = FurnishedSite()
    await site.furnish()
    ada, stranger = site.ada, await Browser(site.capsule, tokens=site.ada.tokens).become_a_user("mallory@example.org")
    secrets = (ada.path, site.team, str(site.letter), "bob@example.org")
    for name, path in (await site.pages()).items():
        ada.requester.waves = 0
        page = await ada.open(path)
        assert ada.requester.waves <= MAX_WAVES, name
        if path in OF_VISITORS:
            continue
        assert page.status_code == (404 if name == "not-found" else 200), name
        assert len(re.findall("<h1", page.text)) == 1, name
        seen = await stranger.open(path)
        if not path.startswith(OF_EVERYBODY) or path.startswith("/teams/"):
            assert seen.status_code in (403, 404), name
        assert not [secret for secret in secrets if secret in seen.text.replace(f'value="{path}"', "")], name


async def test_every_page_is_furnished() -> None:
    """A new page gets its pictures (`./taskw screens`), is looked at in Chromium and tried by strangers, or stands above with the reason why not."""
    site = FurnishedSite()
    await site.furnish()
    furnished = [path.partition("?")[0] for path in (await site.pages()).values()]
    routes = {page.path: compile_path(page.path)[0] for page in PAGES if page.method == "GET"}
    assert [path for path, regex in routes.items() if not any(regex.match(each) for each in furnished)] == list(WITHOUT_PICTURE)


async def test_pages_call_first_what_they_declare() -> None:
    """One machine starts these functions together with the dashboard: one that is missing is a second cold start, one too many is for nothing."""
    site = FurnishedSite()
    await site.furnish()
    declared = {page.path: page.calls for page in PAGES if page.calls}
    assert "/" in declared
    for path, calls in declared.items():
        site.ada.requester.sent.clear()
        assert (await site.ada.open(path)).status_code == 200
        assert sorted(site.ada.requester.sent[: len(calls)]) == sorted(calls)
        assert site.ada.requester.sent[len(calls)] not in calls, "the first wave has no other call"
