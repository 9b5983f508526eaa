"""Signing in and out in the browser, and which requests may change something."""

import pytest

from functions.edge.dashboard.cookies import local_path
from functions.edge.gateway.options import Options
from functions.edge.gateway.rates.limits import Limits
from functions.edge.gateway.variables import TRUSTED_PROXIES
from functions.runtime.messaging.bus import BrokerUnavailable
from tests.dashboard.browser import ADDRESS, HOST, PASSWORD, Browser, keep_cookies, text_of


@pytest.fixture
async def browser() -> Browser:
    browser = Browser()
    await browser.sign_up()
    return browser


async def test_signing_in_sets_cookies_that_scripts_and_other_sites_do_not_get(browser: Browser) -> None:
    response = await browser.sign_in()
    cookies = response.headers.get_list("set-cookie")
    assert [cookie.partition("=")[0] for cookie in cookies] == ["capsule_access", "capsule_refresh"]
    assert all("HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" not in cookie for cookie in cookies)
    assert "Applications" in (await browser.open("/")).text


async def test_cookies_are_secure_behind_https(browser: Browser) -> None:
    secure = Browser(browser.capsule, public_url="https://dashboard.example")
    response = await secure.sign_in()
    cookies = response.headers.get_list("set-cookie")
    assert [cookie.partition("=")[0] for cookie in cookies] == ["__Host-capsule_access", "__Host-capsule_refresh"]
    assert all("Secure" in cookie and "Path=/" in cookie and "Domain" not in cookie for cookie in cookies), "else browsers refuse the prefix"
    keep_cookies(secure)
    assert ADDRESS in (await secure.open("/account")).text
    gone = (await secure.send("/sign-out")).headers.get_list("set-cookie")
    assert len(gone) == 2 and all(cookie.startswith("__Host-") and "Secure" in cookie and "Max-Age=0" in cookie for cookie in gone)


async def test_cookies_of_a_sibling_host_are_ignored_behind_https(browser: Browser) -> None:
    """An application at `app.example` can set `capsule_access` with `Domain=example`, but no cookie with the prefix."""
    attacker = Browser(browser.capsule)
    await attacker.sign_in()
    victim = Browser(browser.capsule, public_url="https://dashboard.example")
    for name, value in attacker.client.cookies.items():
        victim.client.cookies.set(name, value)
    assert (await victim.open("/account")).headers["location"] == "/sign-in?next=%2Faccount"


async def test_a_wrong_password_is_said_and_the_address_kept(browser: Browser) -> None:
    response = await browser.send("/sign-in", email=ADDRESS, password="wrong")
    assert response.status_code == 401
    assert "The e-mail address or the password is wrong" in text_of(response) and ADDRESS in response.text
    assert 'value="wrong"' not in response.text
    assert not browser.client.cookies


async def test_a_page_leads_to_the_sign_in_and_back(browser: Browser) -> None:
    response = await browser.open("/billing")
    assert (response.status_code, response.headers["location"]) == (303, "/sign-in?next=%2Fbilling")
    assert (await browser.sign_in(next="/billing")).headers["location"] == "/billing"


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil", "/a\r\nx: y", "javascript:alert(1)", "", "/ /b"]
)
def test_the_sign_in_leads_to_pages_of_the_dashboard_only(target: str) -> None:
    assert local_path(target) == "/"


async def test_an_expired_access_token_is_refreshed_without_the_visitor_noticing(browser: Browser) -> None:
    await browser.sign_in()
    browser.expire()
    response = await browser.open("/account")
    assert response.status_code == 200 and ADDRESS in response.text
    assert len(response.headers.get_list("set-cookie")) == 2
    assert "set-cookie" not in (await browser.open("/account")).headers


async def test_a_session_that_ended_elsewhere_is_signed_out(browser: Browser) -> None:
    await browser.sign_in()
    other = Browser(browser.capsule)
    other.client.cookies = browser.client.cookies
    await other.send("/sign-out")
    response = await browser.open("/account")
    assert response.headers["location"] == "/sign-in?next=%2Faccount"
    assert all('""' in cookie or "Max-Age=0" in cookie for cookie in response.headers.get_list("set-cookie"))


async def test_a_refresh_token_that_is_refused_signs_out(browser: Browser) -> None:
    browser.client.cookies.set("capsule_refresh", "cpr_unknown")
    response = await browser.open("/account")
    assert response.headers["location"] == "/sign-in?next=%2Faccount"


async def test_an_address_may_try_to_sign_in_as_often_as_at_the_gateway(browser: Browser) -> None:
    options = Options(rate_limits=Limits.parse("credentials.address=3/minute"), trusted_proxies=TRUSTED_PROXIES.form.parse("127.0.0.1"))
    limited = Browser(browser.capsule, options=options)
    forms: list[tuple[str, dict[str, str]]] = [
        ("/sign-in", {"password": "wrong"}),
        ("/sign-up", {"password": PASSWORD}),
        ("/sign-up/resend", {}),
        ("/sign-in", {"password": PASSWORD}),
    ]
    responses = [await limited.send(path, {"x-forwarded-for": "192.0.2.7"}, email=ADDRESS, **fields) for path, fields in forms]
    assert [response.status_code for response in responses] == [401, 200, 200, 429]
    assert "Too many requests" in text_of(responses[-1]) and "more than 3 requests in 60 s" in text_of(responses[-1])
    sent = [name for name in limited.requester.sent if name != "auth.identity_providers"]  # for the buttons of the page
    assert sent == ["auth.login", "auth.register", "auth.resend_verification"]
    elsewhere = await limited.send("/sign-in", {"x-forwarded-for": "192.0.2.8"}, email=ADDRESS, password=PASSWORD)
    assert elsewhere.status_code == 303


async def test_a_session_stays_when_its_address_sends_too_many_requests(browser: Browser) -> None:
    limited = Browser(browser.capsule, options=Options(rate_limits=Limits.parse("writes.address=1/minute")))
    await limited.sign_in()
    limited.expire()
    assert (await limited.open("/account")).status_code == 200
    limited.expire()
    response = await limited.open("/account")
    assert response.status_code == 429 and "set-cookie" not in response.headers


async def test_without_the_broker_the_session_stays_and_the_page_says_so(browser: Browser) -> None:
    await browser.sign_in()
    browser.expire()
    browser.requester.failure = BrokerUnavailable()
    response = await browser.open("/account")
    assert response.status_code == 503 and "Nothing was changed" in text_of(response)
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": f"http://{HOST}.evil.example"},
        {"origin": "null"},
        {"origin": f"http://{HOST}", "sec-fetch-site": "cross-site"},
        {"origin": f"http://{HOST}", "sec-fetch-site": "same-site"},
    ],
)
async def test_a_form_of_another_origin_changes_nothing(browser: Browser, headers: dict[str, str]) -> None:
    await browser.sign_in()
    browser.requester.sent.clear()
    response = await browser.send("/new", headers, name="stolen", repository="https://git.example.com/a.git")
    assert response.status_code == 403
    assert browser.requester.sent == []


async def test_a_form_that_is_sent_twice_has_one_message_id(browser: Browser) -> None:
    await browser.sign_in()
    first, second = [await browser.send("/account/password", key="k" * 30, currentPassword="x", password="y") for _ in range(2)]
    assert first.status_code == second.status_code
    sent = zip(browser.requester.sent, browser.requester.ids, strict=True)
    assert len({id for name, id in sent if name == "auth.change_password"}) == 1


async def test_every_response_forbids_frames_and_foreign_scripts(browser: Browser) -> None:
    await browser.sign_in()
    for path in ("/", "/sign-in", "/nothing", "/static/app.css"):
        response = await browser.open(path)
        if not path.startswith("/static"):
            assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
            assert "unsafe" not in response.headers["content-security-policy"]
        assert " style=" not in response.text and "<script>" not in response.text and " onclick=" not in response.text


async def test_the_password_change_keeps_this_session(browser: Browser) -> None:
    await browser.sign_in()
    response = await browser.send("/account/password", currentPassword=PASSWORD, password="another long passphrase")
    assert response.headers["location"] == "/account?done=password-changed"
    assert "Your password is changed" in (await browser.open(response.headers["location"])).text
