"""The pages of teams, the account and operations in Chromium, with data on each: accessible in both themes, and not wider than the window.

Needs Debian's package chromium, which the proof installs.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser as Chromium
from playwright.async_api import Page, async_playwright

from functions.auth.domain import one_time_codes
from knative.machine import packages
from tests.dashboard.browser import ADDRESS, PASSWORD
from tests.dashboard.furnished import furnish, furnish_operations
from tests.dashboard.site import Site
from tests.proof import proof

pytestmark = proof("dashboard")

LEVELS = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
WINDOWS = ((1200, "light"), (360, "dark"), (320, "light"), (1200, "dark"))


@dataclass
class Furnished:
    site: Site
    team: str
    letter: str


@pytest.fixture
async def furnished() -> AsyncIterator[Furnished]:
    site = Site()
    await site.start(is_administrator=True)
    team = await furnish(site.browser)
    yield Furnished(site, team, str(await furnish_operations(site.browser)))
    await site.stop()
    assert site.complaints == []


@pytest.fixture
async def chromium() -> AsyncIterator[Chromium]:
    packages.install([packages.CHROMIUM], print)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(packages.CHROMIUM.find()), args=["--no-sandbox"])
        yield browser
        await browser.close()


async def sign_in(page: Page) -> None:
    await page.goto("/sign-in")
    await page.get_by_label("E-mail address").fill(ADDRESS)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await page.get_by_role("heading", name="Applications").wait_for()


async def paths(furnished: Furnished) -> list[str]:
    ada, team = furnished.site.browser, furnished.team
    members = re.findall(r'href="(/teams/[^"/]+/members/[^"]+)"', (await ada.open(f"/teams/{team}")).text)
    users = re.findall(r'href="(/operations/users/[^"]+)"', (await ada.open("/operations/users")).text)
    account = ("", "/security", "/tokens", "/permissions", "/audit", "/confirmation")
    operations = (
        "",
        "/dead-letters",
        f"/dead-letters/deploy/{furnished.letter}",
        "/registrations",
        "/logs",
        "/users",
        "/customers",
        "/invoices",
        "/payments",
    )
    return [
        *("/?team=all", f"/?team={team}", "/new", f"/billing?team={team}", "/teams", f"/teams/{team}", f"/teams/{team}/settings", *members),
        *("/accept-invitation?token=abc", *(f"/account{part}" for part in account), *(f"/operations{part}" for part in operations), *users),
    ]


async def test_every_page_is_accessible_in_both_themes_and_widths(furnished: Furnished, chromium: Chromium) -> None:
    faults: list[str] = []
    pages = await paths(furnished)
    for width, scheme in WINDOWS:
        context = await chromium.new_context(
            base_url=furnished.site.url,
            viewport={"width": width, "height": 800},
            color_scheme=scheme,  # type: ignore[arg-type]
            reduced_motion="reduce",
            bypass_csp=True,  # axe is injected as an inline script
        )
        page = await context.new_page()
        await sign_in(page)
        for path in pages:
            await page.goto(path)
            violations = (await Axe().run(page, options=LEVELS)).response["violations"]
            faults += [f"{path} {width} {scheme}: {each['id']} {each['nodes'][0]['html'][:120]}" for each in violations]
            if await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                faults.append(f"{path} {width}: wider than the window")
        await context.close()
    assert faults == []


async def test_second_factor_and_token_are_set_up_under_the_content_security_policy(furnished: Furnished, chromium: Chromium) -> None:
    context = await chromium.new_context(base_url=furnished.site.url, permissions=["clipboard-read", "clipboard-write"])
    page = await context.new_page()
    furnished.site.listen(page)
    await sign_in(page)
    await page.goto("/account/tokens")
    await page.get_by_label("Name").fill("ci")
    await page.get_by_role("checkbox", name="deploy").check()
    await page.get_by_role("button", name="Create the token").click()
    await page.get_by_role("button", name="Copy").click()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("capsule_pat_")

    await page.get_by_role("link", name="Security").click()
    await page.get_by_role("button", name="Set up the second factor").click()
    assert await page.evaluate("document.querySelector('img.qr').naturalWidth") > 100
    secret = await page.locator("pre.copy").text_content()
    assert secret is not None
    now = furnished.site.capsule.clock.now()
    await page.get_by_label("Code").fill(one_time_codes.code_at(secret, one_time_codes.step_of(now)))
    await page.get_by_role("button", name="Turn on").click()
    await page.get_by_role("heading", name="Recovery codes").wait_for()


async def test_a_deletion_is_asked_about_first(furnished: Furnished, chromium: Chromium) -> None:
    page = await chromium.new_page(base_url=furnished.site.url)
    furnished.site.listen(page)
    await sign_in(page)
    await page.goto(f"/teams/{furnished.team}")
    page.once("dialog", lambda dialog: dialog.dismiss())
    await page.get_by_role("button", name="Revoke").click()
    await page.get_by_text("dan@example.org", exact=True).wait_for()
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Revoke").click()
    await page.get_by_text("The invitation is revoked.").wait_for()
