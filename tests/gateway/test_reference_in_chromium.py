"""The reference at `/docs` in Chromium: it is searched, sends requests with a token of its reader, and is accessible in both themes, down to 320 px.

Needs Debian's package chromium, which the proof installs.
"""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser as Chromium
from playwright.async_api import async_playwright
from starlette.applications import Starlette
from starlette.routing import request_response

from functions.runtime.config.registry import Registry
from knative.machine import packages
from tests.gateway.shop import TOKEN, Shop, done, open_shop
from tests.proof import proof

pytestmark = proof("dashboard")

WINDOWS = ((1200, "light"), (360, "dark"), (320, "light"))
PAGES = ("/", "/docs", "/problems", "/problems/not-found", "/verify?token=x", "/reset-password?token=x")


@pytest.fixture
async def chromium() -> AsyncIterator[Chromium]:
    packages.install([packages.CHROMIUM], print)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(packages.CHROMIUM.find()), args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest.fixture
async def site() -> AsyncIterator[tuple[Shop, str]]:
    shop = open_shop(registry=Registry.load())
    listening = socket.create_server(("127.0.0.1", 0))
    app = Starlette()
    app.router.default = request_response(shop.gateway.handle)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    yield shop, f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await task


async def test_an_operation_is_found_and_tried(site: tuple[Shop, str], chromium: Chromium) -> None:
    shop, url = site
    shop.bus.reply = lambda message: done({"items": [], "next": None})
    page = await chromium.new_page(base_url=url)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto("/docs")
    await page.keyboard.press("/")
    await page.keyboard.type("list releases")
    await page.wait_for_function(
        "document.querySelector('#search').value === 'list releases' && /^1 of /.test(document.querySelector('#found').textContent)"
    )
    await page.locator("details.operation:not([hidden]) summary").click()
    await page.locator("details.operation[open]").wait_for()
    await page.get_by_role("button", name="CLI").click()
    await page.get_by_text("capsule releases --app shop").wait_for()
    await page.get_by_role("button", name="Try it").click()
    await page.get_by_label("applicationId").fill("019a2f6e-6c52-7a3f-9d53-3c1f0f5f1c9e")
    await page.get_by_role("button", name="Send GET").click()
    await page.get_by_text("Enter an access token above first.").wait_for()
    assert shop.bus.sent == []
    await page.get_by_label("Access token").fill(TOKEN)
    await page.get_by_role("button", name="Send GET").click()
    await page.locator(".result strong.good").wait_for()
    assert shop.bus.sent[-1].routing_key == "deploy.releases"
    assert await page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]") == ["", 0, 0], "the token is in memory only"
    await page.goto("/docs#deploy_deploy")
    await page.locator("details.operation[open] #deploy_deploy").wait_for()  # a link ends a search that hides its target
    assert complaints == []


async def test_every_page_of_the_gateway_is_accessible_and_fits(site: tuple[Shop, str], chromium: Chromium) -> None:
    faults = []
    for width, scheme in WINDOWS:
        context = await chromium.new_context(
            base_url=site[1],
            viewport={"width": width, "height": 800},
            color_scheme=scheme,  # type: ignore[arg-type]
            bypass_csp=True,  # axe is injected as an inline script
        )
        page = await context.new_page()
        for path in PAGES:
            await page.goto(path)
            await page.evaluate("[...document.querySelectorAll('details')].slice(0, 8).forEach(each => { each.open = true })")
            await page.evaluate("document.querySelector('button.try')?.click()")
            violations = (await Axe().run(page)).response["violations"]
            faults += [f"{path} {width} {scheme}: {each['id']} {each['nodes'][0]['html'][:120]}" for each in violations]
            await page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
            if await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                faults.append(f"{path} {width}: wider than the window")
        await context.close()
    assert faults == []
