"""Passkeys in Chromium with its virtual authenticator (CDP WebAuthn), in front of the dashboard and the in-memory Capsule: the script and the CSP.

Needs Debian's package chromium, which the proof installs.
"""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, async_playwright

from functions.auth.ports import Passkeys
from knative.machine import packages
from tests.dashboard.browser import ADDRESS, PASSWORD
from tests.dashboard.site import Site
from tests.proof import proof

pytestmark = proof("sign-in")

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    await site.start()
    yield site
    await site.stop()
    assert site.complaints == []


@pytest.fixture
async def page(site: Site) -> AsyncIterator[Page]:
    packages.install([packages.CHROMIUM], print)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(packages.CHROMIUM.find()), args=["--no-sandbox"])
        page = await browser.new_page(base_url=site.url)
        site.listen(page)
        devtools = await page.context.new_cdp_session(page)
        await devtools.send("WebAuthn.enable")
        await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        yield page
        await browser.close()


async def test_a_passkey_is_added_and_signs_in_alone(site: Site, page: Page) -> None:
    await page.goto("/sign-in")
    await page.get_by_label("E-mail address").fill(ADDRESS)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await page.get_by_role("link", name="Account").click()
    await page.get_by_role("link", name="Security").click()
    await page.get_by_label("Name of the passkey").fill("Laptop")
    await page.get_by_role("button", name="Add a passkey").click()
    await page.get_by_text("The passkey is added.").wait_for()
    [passkey] = site.capsule.port(Passkeys).rows.values()
    assert passkey.name == "Laptop"

    await page.get_by_role("button", name="Sign out").first.click()
    await page.get_by_role("button", name="Sign in with a passkey").click()
    await page.get_by_role("link", name="Account").click()
    await page.get_by_role("link", name="Security").click()
    await page.get_by_role("heading", name="Passkeys").wait_for()
    [passkey] = site.capsule.port(Passkeys).rows.values()
    assert passkey.last_used_at is not None and passkey.sign_count > 0
