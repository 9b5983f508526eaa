"""Passkeys on the pages of the dashboard, with an authenticator in software in place of the browser's script."""

import pytest

from tests.auth.authenticator import Authenticator
from tests.capsule import Capsule
from tests.dashboard.browser import Browser, text_of

ORIGIN = "https://dashboard.example.org"


@pytest.fixture
async def ada() -> Browser:
    browser = await Browser(Capsule(settings={"CAPSULE_DASHBOARD_URL": ORIGIN})).become_a_user()
    browser.tokens.is_recent = True
    return browser


async def register(browser: Browser, device: Authenticator) -> None:
    begun = (await browser.send("/account/passkeys/challenge", passkeyName="Laptop")).json()
    credential = device.create(begun["options"])
    done = await browser.send("/account/passkeys", challengeId=begun["challengeId"], credential=credential, passkeyName="Laptop")
    assert done.headers["location"] == "/account/security?done=passkey-registered"


async def test_a_passkey_is_added_used_renamed_and_deleted(ada: Browser) -> None:
    device = Authenticator(ORIGIN)
    await register(ada, device)
    visitor = Browser(ada.capsule)
    begun = (await visitor.send("/sign-in/passkey/challenge")).json()
    done = await visitor.send("/sign-in/passkey", challengeId=begun["challengeId"], credential=device.get(begun["options"]), next="/billing")
    assert (done.status_code, done.headers["location"]) == (303, "/billing")
    page = await visitor.open("/account/security")
    assert 'value="Laptop"' in page.text and 'data-passkey="register"' in page.text
    path = "/account/passkeys/" + page.text.partition('action="/account/passkeys/')[2].partition("/")[0]
    await ada.send(f"{path}/name", passkeyName="Key <ring>")
    assert 'value="Key &lt;ring&gt;"' in (await ada.open("/account/security")).text
    assert (await ada.send(f"{path}/deletion")).headers["location"] == "/account/security?done=passkey-deleted"


async def test_a_wrong_passkey_leads_back_to_the_form(ada: Browser) -> None:
    visitor = Browser(ada.capsule)
    begun = (await visitor.send("/sign-in/passkey/challenge")).json()
    refused = await visitor.send("/sign-in/passkey", challengeId=begun["challengeId"], credential=Authenticator(ORIGIN).get(begun["options"]))
    assert refused.status_code == 401 and "passkey is unknown" in text_of(refused) and not visitor.client.cookies


async def test_a_page_asks_for_another_challenge_after_an_attempt_that_was_given_up(ada: Browser) -> None:
    for browser, path in ((Browser(ada.capsule), "/sign-in/passkey/challenge"), (ada, "/account/passkeys/challenge")):
        begun = [(await browser.send(path, key="the-fixed-key-of-the-page")).json()["challengeId"] for _ in range(2)]
        assert begun[0] != begun[1] and len(set(browser.requester.ids[-2:])) == 2, "a message with a known id is answered with AnswerNotKept"


async def test_adding_one_needs_a_recent_sign_in(ada: Browser) -> None:
    ada.tokens.is_recent = False
    refused = await ada.send("/account/passkeys/challenge")
    assert refused.status_code == 403 and refused.json()["slug"] == "recent-login-required"
    assert "Confirm your identity" in text_of(await ada.open("/account/confirmation"))


async def test_the_script_is_served_and_no_other_site_asks_for_challenges(ada: Browser) -> None:
    assert "navigator.credentials" in (await ada.open("/static/passkeys.js")).text
    assert 'src="/static/passkeys.js"' in (await Browser(ada.capsule).open("/sign-in")).text
    assert (await ada.send("/account/passkeys/challenge", {"sec-fetch-site": "cross-site"})).status_code == 403
