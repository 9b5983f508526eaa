"""Passkeys in Chromium with its virtual authenticator (CDP WebAuthn), in front of the dashboard and the in-memory Capsule: the script and the CSP.

Needs Debian's package chromium, which the proof installs.
"""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from playwright.async_api import Page, async_playwright
from starlette.applications import Starlette
from starlette.routing import request_response

from functions.auth.ports import Passkeys
from functions.edge.dashboard.dashboard import Dashboard
from functions.edge.gateway.options import Options
from functions.runtime.config.registry import Registry
from knative.machine import packages
from tests.capsule import Capsule
from tests.dashboard.browser import ADDRESS, PASSWORD, Browser, MemoryRequester, MemoryTokens, PlainEncryptor
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


class Site:
    """A dashboard on loopback. `messages`: errors of the browser's console."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://localhost:{self._socket.getsockname()[1]}"
        self.capsule = Capsule(settings={"CAPSULE_DASHBOARD_URL": self.url})
        tokens = MemoryTokens(is_recent=True)
        requester = MemoryRequester(self.capsule, tokens)
        dashboard = Dashboard(Registry.load(), requester, tokens, PlainEncryptor(), self.capsule.clock, Options())
        app = Starlette()
        app.router.default = request_response(dashboard.handle)
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        self.messages: list[str] = []

    async def start(self) -> None:
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        await Browser(self.capsule).sign_up()

    async def stop(self) -> None:
        self._server.should_exit = True
        await self._task


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    await site.start()
    yield site
    await site.stop()
    assert [text for text in site.messages if "status of 4" not in text] == []


@pytest.fixture
async def page(site: Site) -> AsyncIterator[Page]:
    packages.install([packages.CHROMIUM], print)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(packages.CHROMIUM.find()), args=["--no-sandbox"])
        page = await browser.new_page(base_url=site.url)
        page.on("console", lambda message: site.messages.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: site.messages.append(str(error)))
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
    await page.get_by_label("Name of the passkey").fill("Laptop")
    await page.get_by_role("button", name="Add a passkey").click()
    await page.get_by_text("The passkey is added.").wait_for()
    [passkey] = site.capsule.port(Passkeys).rows.values()
    assert passkey.name == "Laptop"

    await page.get_by_role("button", name="Sign out").first.click()
    await page.get_by_role("button", name="Sign in with a passkey").click()
    await page.get_by_role("link", name="Account").click()
    await page.get_by_role("heading", name="Passkeys").wait_for()
    [passkey] = site.capsule.port(Passkeys).rows.values()
    assert passkey.last_used_at is not None and passkey.sign_count > 0
