"""The pages of teams, the account and operations in Chromium, with data on each: accessible in both themes, and not wider than the window.

Needs Debian's package chromium, which the proof installs.
"""

import gzip
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser as Chromium
from playwright.async_api import async_playwright

from functions.auth.domain import one_time_codes
from functions.edge import dashboard
from knative.local.serving.http.error_responses import Cause, error_response
from knative.machine import packages
from tests.dashboard.application import BrowserOfDeploy, capsule
from tests.dashboard.furnished_site import APPLICATION, OF_EVERYBODY, FurnishedSite, sign_in
from tests.dashboard.site import Site
from tests.proof import proof

pytestmark = proof("dashboard")

LEVELS = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
WINDOWS = ((1200, "light"), (360, "dark"), (320, "light"), (1200, "dark"))


@pytest.fixture
async def furnished() -> AsyncIterator[FurnishedSite]:
    site = FurnishedSite()
    await site.start()
    yield site
    await site.stop()
    assert site.complaints == []


@pytest.fixture
async def chromium() -> AsyncIterator[Chromium]:
    packages.install([packages.CHROMIUM], print)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(packages.CHROMIUM.find()), args=["--no-sandbox"])
        yield browser
        await browser.close()


async def faults_of(site: Site, chromium: Chromium, paths: Iterable[str]) -> list[str]:
    """What axe finds on pages, in each window and theme, and pages that are wider than the window."""
    faults: list[str] = []
    for width, scheme in WINDOWS:
        context = await chromium.new_context(
            base_url=site.url,
            viewport={"width": width, "height": 800},
            color_scheme=scheme,  # type: ignore[arg-type]
            reduced_motion="reduce",
            bypass_csp=True,  # axe is injected as an inline script
        )
        page = await context.new_page()
        await sign_in(page)
        for path in paths:
            await page.goto(path)
            violations = (await Axe().run(page, options=LEVELS)).response["violations"]
            faults += [f"{path} {width} {scheme}: {each['id']} {each['nodes'][0]['html'][:120]}" for each in violations]
            if await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                faults.append(f"{path} {width}: wider than the window")
        await context.close()
    return faults


async def test_every_page_is_accessible_in_both_themes_and_widths(furnished: FurnishedSite, chromium: Chromium) -> None:
    assert await faults_of(furnished, chromium, (await furnished.pages()).values()) == []


async def test_pages_without_data_are_accessible_too(chromium: Chromium) -> None:
    """Of a user who has just created an application."""
    site = Site(capsule, BrowserOfDeploy)
    await site.start()
    await site.browser.sign_in()
    application = await site.browser.create()
    paths = (*OF_EVERYBODY, *(f"/account/{part}" for part in ("security", "tokens", "permissions", "audit")))
    assert await faults_of(site, chromium, (*paths, application, *(f"{application}/{part}" for part in APPLICATION))) == []
    await site.stop()
    assert site.complaints == []


async def test_pages_that_visitors_of_applications_see_are_accessible(chromium: Chromium) -> None:
    """The ingress answers them in place of an application."""
    answers = [(status, Cause.FAILURE) for status in (404, 429, 502, 503, 504)] + [(503, cause) for cause in Cause if cause is not Cause.FAILURE]
    faults: list[str] = []
    for width, scheme in WINDOWS:
        context = await chromium.new_context(
            viewport={"width": width, "height": 800},
            color_scheme=scheme,  # type: ignore[arg-type]
            reduced_motion="reduce",
        )
        page = await context.new_page()
        for status, cause in answers:
            await page.set_content(error_response(status, f"{'We are back at 14:00. ' * 20}{'w' * 200}", "r" * 128, "text/html", cause).body.decode())
            violations = (await Axe().run(page, options=LEVELS)).response["violations"]
            faults += [f"{status} {cause} {width} {scheme}: {each['id']} {each['nodes'][0]['html'][:120]}" for each in violations]
            if await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                faults.append(f"{status} {cause} {width}: wider than the window")
        await context.close()
    assert faults == []


async def test_second_factor_and_token_are_set_up_under_the_content_security_policy(furnished: FurnishedSite, chromium: Chromium) -> None:
    context = await chromium.new_context(base_url=furnished.url, permissions=["clipboard-read", "clipboard-write"])
    page = await context.new_page()
    furnished.listen(page)
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
    now = furnished.capsule.clock.now()
    await page.get_by_label("Code").fill(one_time_codes.code_at(secret, one_time_codes.step_of(now)))
    await page.get_by_role("button", name="Turn on").click()
    await page.get_by_role("heading", name="Recovery codes").wait_for()


async def test_a_deletion_is_asked_about_first(furnished: FurnishedSite, chromium: Chromium) -> None:
    page = await chromium.new_page(base_url=furnished.url)
    furnished.listen(page)
    await sign_in(page)
    await page.goto(f"/teams/{furnished.team}")
    page.once("dialog", lambda dialog: dialog.dismiss())
    await page.get_by_role("button", name="Revoke").click()
    await page.get_by_text("dan@example.org", exact=True).wait_for()
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Revoke").click()
    await page.get_by_text("The invitation is revoked.").wait_for()


async def test_pages_are_found_and_reached_by_keys(furnished: FurnishedSite, chromium: Chromium) -> None:
    page = await chromium.new_page(base_url=furnished.url)
    furnished.listen(page)
    await sign_in(page)
    await page.keyboard.press("Control+k")
    await page.get_by_role("option", name="hello logs").wait_for()
    await page.keyboard.type("hello conf")
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Configuration", exact=True).wait_for()
    await page.keyboard.press("g")
    await page.keyboard.press("l")
    await page.get_by_role("heading", name="Logs", exact=True).wait_for()
    await page.keyboard.press("/")
    assert await page.evaluate("document.activeElement.id") == "search"
    await page.keyboard.press("g")  # typed into the field
    assert await page.evaluate("document.activeElement.value") == "g"
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("?")
    await page.get_by_role("heading", name="Keys").wait_for()
    await page.keyboard.press("Escape")
    await page.locator("[data-where='level=error']").or_(page.locator("[data-where='status=500']")).first.click()
    await page.wait_for_url("**where=status%3D500**")


async def test_scripts_of_a_page_have_less_than_60_kilobytes() -> None:
    assert sum(len(gzip.compress(path.read_bytes())) for path in (Path(dashboard.__file__).parent / "static").glob("*.js")) < 60_000
