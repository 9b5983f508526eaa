"""The account's security in the browser: second factor, API tokens, e-mail address, sessions; and the export of its data."""

import json
import re
from html import unescape
from urllib.parse import unquote

import pytest

from functions.auth.domain import one_time_codes
from functions.auth.domain.email_limits import EmailKind
from functions.auth.ports import Mailer
from tests.dashboard.browser import HOST, PASSWORD, Browser, text_of


@pytest.fixture
async def ada() -> Browser:
    ada = await Browser().become_a_user()
    ada.tokens.is_recent = True
    return ada


def code_of(ada: Browser, secret: str) -> str:
    return one_time_codes.code_at(secret, one_time_codes.step_of(ada.capsule.clock.now()))


def codes_on(page: str) -> list[str]:
    return page.partition('<pre class="copy codes">')[2].partition("</pre>")[0].split()


async def test_the_second_factor_is_set_up_with_its_code_and_turned_off(ada: Browser) -> None:
    other = Browser(ada.capsule)
    await other.sign_in()
    page = await ada.send("/account/second-factor")
    picture = unquote(page.text.partition('<img class="qr" src="')[2].partition('"')[0])
    assert picture.startswith("data:image/svg+xml") and page.headers["cache-control"] == "private, no-store"
    secret = unescape(page.text.partition('<pre class="copy">')[2].partition("</pre>")[0])
    wrong = await ada.send("/account/second-factor/activation", code="000000")
    assert wrong.status_code == 422 and secret not in wrong.text and "Start again" in wrong.text

    enabled = await ada.send("/account/second-factor/activation", code=code_of(ada, secret))
    codes = codes_on(enabled.text)
    assert len(codes) == 10 and "shown only now" in text_of(enabled)
    page = await ada.open("/account/security")
    assert "Recovery codes left: 10" in text_of(page) and codes[0] not in page.text
    assert (await other.open("/account/security")).status_code == 303, "other sessions have ended"

    replaced = codes_on((await ada.send("/account/second-factor/recovery-codes")).text)
    assert len(replaced) == 10 and not set(codes) & set(replaced)
    assert (await ada.send("/account/second-factor/removal")).headers["location"].endswith("done=second-factor-off")
    assert "Set up the second factor" in (await ada.open("/account/security")).text


async def test_an_old_sign_in_is_confirmed_before_anything_changes(ada: Browser) -> None:
    ada.tokens.is_recent = False
    assert "Confirm your identity" in (await ada.open("/account/security")).text
    for form in ("second-factor", "second-factor/recovery-codes", "second-factor/removal"):
        refused = await ada.send(f"/account/{form}")
        assert refused.status_code == 403 and 'name="next" value="/account/security"' in refused.text, form
    refused = await ada.send("/account/tokens", name="ci", days="90", **{"scope-read": "on"})
    assert refused.status_code == 403 and 'name="next" value="/account/tokens"' in refused.text
    page = await ada.open("/account/tokens")
    assert "/account/confirmation?next=/account/tokens" in page.text and "Create the token" not in page.text


async def test_an_api_token_is_created_shown_once_and_revoked(ada: Browser) -> None:
    created = await ada.send("/account/tokens", name="ci <main>", days="30", **{"scope-read": "on", "scope-deploy": "on"})
    [token] = re.findall(r"capsule_pat_\w+", created.text)
    assert "not shown again" in created.text and "deploy, read" in text_of(created)
    page = await ada.open("/account/tokens")
    assert token not in page.text and "ci &lt;main&gt;" in page.text
    [path] = re.findall(r'action="(/account/tokens/[^"]+/revocation)"', page.text)
    assert (await ada.send(path)).headers["location"] == "/account/tokens?done=token-revoked"
    assert "No API tokens yet" in text_of(await ada.open("/account/tokens"))


async def test_a_refused_token_keeps_its_form_and_nobody_revokes_that_of_another(ada: Browser) -> None:
    none = await ada.send("/account/tokens", name="ci", days="90")
    assert none.status_code == 422 and "needs a scope" in text_of(none) and 'value="ci"' in none.text
    assert "admin" not in re.findall(r'name="scope-(\w+)"', none.text), "only administrators give it"
    long = await ada.send("/account/tokens", name="ci", days="9999", **{"scope-deploy": "on"})
    assert long.status_code == 422 and 'name="scope-deploy" checked' in long.text
    await ada.send("/account/tokens", name="ci", days="90", **{"scope-read": "on"})
    [path] = re.findall(r'action="(/account/tokens/[^"]+/revocation)"', (await ada.open("/account/tokens")).text)
    bob = await Browser(ada.capsule).become_a_user("bob@example.org")
    assert (await bob.send(path)).status_code == 404
    assert "ci" in text_of(await ada.open("/account/tokens"))


async def test_the_e_mail_address_change_is_requested_shown_and_cancelled(ada: Browser) -> None:
    wrong = await ada.send("/account/email-change", newEmail="new@example.org", password="guess")
    assert wrong.status_code == 403 and "password is wrong" in text_of(wrong)
    requested = await ada.send("/account/email-change", newEmail="new@example.org", password=PASSWORD)
    assert requested.headers["location"] == "/account?done=email-change-requested"
    assert len(ada.capsule.port(Mailer).tokens(EmailKind.EMAIL_CHANGE)) == 2
    page = text_of(await ada.open("/account"))
    assert "To new@example.org" in page and page.count("not confirmed yet") == 2
    assert (await ada.send("/account/email-change/cancellation")).headers["location"] == "/account?done=email-change-cancelled"
    assert "Request the change" in (await ada.open("/account")).text


async def test_the_other_sessions_end_or_all_of_them(ada: Browser) -> None:
    other = Browser(ada.capsule)
    await other.sign_in()
    assert (await ada.send("/account/sessions/revocation", which="others")).headers["location"] == "/account/security?done=sessions-ended"
    assert (await other.open("/account")).status_code == 303 and (await ada.open("/account")).status_code == 200
    everywhere = await ada.send("/account/sessions/revocation", which="all")
    assert everywhere.headers["location"] == "/sign-in?done=signed-out"
    assert (await ada.open("/account")).headers["location"] == "/sign-in?next=%2Faccount"


async def test_the_data_of_the_account_is_one_file(ada: Browser) -> None:
    await ada.create("hello")
    file = await ada.open("/account/export")
    assert file.headers["content-disposition"] == 'attachment; filename="capsule-account.json"' and "no-store" in file.headers["cache-control"]
    document = json.loads(file.text)
    assert list(document) == ["auth", "billing", "deploy", "monitor"]
    assert document["auth"]["profile"]["email"] == "ada@example.org" and "hello" in json.dumps(document["deploy"])


async def test_plain_http_is_refused_at_the_host_of_the_dashboard_only() -> None:
    """The dashboard answers at other names too, such as dashboard.localhost."""
    browser = Browser(public_url=f"https://{HOST}")
    assert (await browser.open("/sign-in")).headers["strict-transport-security"] == "max-age=31536000"
    for host in ("dashboard.localhost:7080", "127.0.0.1:7080", f"a.{HOST}"):
        assert "strict-transport-security" not in (await browser.client.get("/sign-in", headers={"host": host})).headers
