"""The main job in a browser: Chromium in front of a whole Capsule, from the sign-up to the bill, without reading a manual.

Needs Debian's package chromium, which the proof installs.
"""

import re
import secrets
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from knative.machine import packages, repositories
from tests.journeys.people import Person
from tests.journeys.whole import Whole, until
from tests.proof import proof

pytestmark = proof("dashboard")

DEPLOYMENT_MILLISECONDS = 240_000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    packages.install([packages.CHROMIUM], print)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(packages.CHROMIUM.find()), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(whole: Whole) -> str:
    return f"http://dashboard.localhost:{whole.home.ports.ingress}"


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    yield from _page(chromium.new_context(base_url=address))


@pytest.fixture
def page_without_scripts(chromium: Browser, address: str) -> Iterator[Page]:
    yield from _page(chromium.new_context(base_url=address, java_script_enabled=False))


def _page(context: BrowserContext) -> Iterator[Page]:
    """A page whose console stays empty: no error, and no report of the Content-Security-Policy."""
    page = context.new_page()
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: messages.append(str(error)))
    yield page
    context.close()
    assert [text for text in messages if "status of 4" not in text] == []


def sign_up(page: Page, whole: Whole) -> Person:
    """Sign up in the browser, and follow the link of the e-mail."""
    person = Person(whole)
    page.goto("/")
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("E-mail address").fill(person.email)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("button", name="Create the account").click()
    page.get_by_role("heading", name="Check your e-mail").wait_for()
    person.verify()
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("E-mail address").fill(person.email)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", name="Applications", exact=True).wait_for()
    return person


def create(page: Page, whole: Whole) -> str:
    """Create an application from a repository of its own; returns its name."""
    name = f"shop-{secrets.token_hex(3)}"
    repository = whole.repository(name, repositories.sample("hello"))
    page.get_by_role("link", name="New application").first.click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Git repository").fill(repository.url)
    page.get_by_role("button", name="Create").click()
    page.get_by_role("heading", name=name).wait_for()
    return name


def test_from_sign_up_to_the_bill(page: Page, whole: Whole) -> None:
    sign_up(page, whole)
    name = create(page, whole)

    page.get_by_role("button", name="Deploy to staging").click()
    page.locator("#log", has_text="Cloning").wait_for(timeout=DEPLOYMENT_MILLISECONDS)
    page.get_by_text("r1 is serving.").wait_for(timeout=DEPLOYMENT_MILLISECONDS)
    page.get_by_role("button", name="Promote to production").click()
    page.get_by_role("heading", name="r1 to production").wait_for(timeout=DEPLOYMENT_MILLISECONDS)
    page.get_by_text("r1 is serving.").wait_for(timeout=DEPLOYMENT_MILLISECONDS)

    for path in ("/", "/a", "/b"):
        assert whole.visit(f"http://{name}-staging.localhost:{whole.home.ports.ingress}", path).status_code == 200
    page.get_by_role("link", name="Logs", exact=True).click()
    page.locator("#log", has_text="path=/b").wait_for(timeout=60_000)

    def is_billed() -> bool:
        page.goto("/billing")
        return page.get_by_role("row", name=re.compile(f"{name} staging 3 ")).count() == 1

    until(is_billed, seconds=120, why="the three requests are on the bill")


def test_the_main_job_works_without_scripts(page_without_scripts: Page, whole: Whole) -> None:
    page = page_without_scripts
    sign_up(page, whole)
    create(page, whole)
    page.get_by_role("button", name="Deploy to staging").click()
    page.get_by_text("r1 is serving.").wait_for(timeout=DEPLOYMENT_MILLISECONDS)  # the page loads itself again


def test_the_main_job_works_by_keyboard(page: Page, whole: Whole) -> None:
    person = sign_up(page, whole)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "New application":
            break
    page.keyboard.press("Enter")
    page.get_by_label("Name").focus()
    page.keyboard.type(f"keys-{secrets.token_hex(3)}")
    page.keyboard.press("Tab")
    page.keyboard.type(whole.repository(f"keys-{secrets.token_hex(3)}", repositories.sample("hello")).url)
    page.keyboard.press("Enter")
    page.get_by_text("Deploy it to get a URL").wait_for()
    assert person.email
