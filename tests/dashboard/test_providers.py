"""Sign-in with a provider in a browser without JavaScript: the button, the way to the provider and back, linking on the page of the account."""

from collections.abc import Iterator
from html import unescape
from urllib.parse import urlsplit

import httpx
import pytest

from functions.auth.ports import Identities
from tests.auth.openid_provider import OpenIdProvider
from tests.auth.provider_visit import settings
from tests.capsule import Capsule
from tests.dashboard.browser import ADDRESS, PASSWORD, Browser, keep_cookies, text_of


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    provider = OpenIdProvider()
    yield provider
    provider.close()


@pytest.fixture
def browser(provider: OpenIdProvider) -> Browser:
    return Browser(Capsule(settings=settings(provider)), public_url="https://dashboard.example.org")


async def to_provider(page: httpx.Response) -> str:
    """Follow the page to the provider; returns the path with which the browser comes back."""
    url = unescape(page.text.partition('content="0;url=')[2].partition('"')[0])
    async with httpx.AsyncClient(trust_env=False) as client:
        location = urlsplit((await client.get(url)).headers["location"])
    return f"{location.path}?{location.query}"


async def test_a_button_leads_to_the_provider_and_back_into_a_session(browser: Browser) -> None:
    page = await browser.open("/sign-in?next=/billing")
    assert "Sign in with Example" in text_of(page)
    begun = await browser.send("/sign-in/providers/corp", next="/billing")
    cookie = next(each for each in begun.headers.get_list("set-cookie") if each.startswith("__Host-capsule_sign_in="))
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" in cookie
    keep_cookies(browser)
    done = await browser.open(await to_provider(begun))
    assert (done.status_code, done.headers["location"]) == (303, "/billing")
    keep_cookies(browser)
    assert ADDRESS in text_of(await browser.open("/account")) and "__Host-capsule_sign_in" not in browser.client.cookies


async def test_a_response_in_another_browser_is_refused(browser: Browser) -> None:
    path = await to_provider(await browser.send("/sign-in/providers/corp"))
    other = Browser(browser.capsule)
    refused = await other.open(path)
    assert refused.status_code == 404 and not other.client.cookies
    await other.send("/sign-in/providers/corp")
    refused = await other.open(path)
    assert refused.status_code == 403 and "does not belong to this sign-in" in text_of(refused) and "capsule_access" not in other.client.cookies


async def test_an_account_is_linked_after_its_password(browser: Browser, provider: OpenIdProvider) -> None:
    browser.public_url = ""
    ada = await Browser(browser.capsule).become_a_user()
    begun = await ada.send("/account/providers/corp")
    assert begun.status_code == 403 and "Confirm your identity" in text_of(begun)
    wrong = await ada.send("/account/confirmation", password="guess")
    assert wrong.status_code == 403 and "password is wrong" in text_of(wrong)
    confirmed = await ada.send("/account/confirmation", password=PASSWORD)
    assert confirmed.headers["location"] == "/account/security?done=identity-confirmed"
    ada.tokens.is_recent = True
    done = await ada.open(await to_provider(await ada.send("/account/providers/corp")))
    assert done.headers["location"] == "/account/security?done=identity-linked"
    page = await ada.open("/account/security")
    assert "corp" in text_of(page)
    [identity] = ada.capsule.port(Identities).rows.values()
    assert (await ada.send(f"/account/identities/{identity.id}/removal")).headers["location"] == "/account/security?done=identity-unlinked"


async def test_what_the_provider_says_is_escaped_and_a_denial_is_told(browser: Browser, provider: OpenIdProvider) -> None:
    provider.parameters = {"error": "<script>alert(1)</script>"}
    begun = await browser.send("/sign-in/providers/corp")
    keep_cookies(browser)
    page = await browser.open(await to_provider(begun))
    assert page.status_code == 403 and "<script>alert" not in page.text and "alert(1)" in text_of(page)
