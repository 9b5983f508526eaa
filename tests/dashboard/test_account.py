"""The account in the browser: a sign-in with two steps, sessions, the name, deletion, a forgotten password."""

import re

import pytest

from functions.auth.domain import one_time_codes
from functions.auth.domain.email import Email
from functions.auth.domain.second_factor import SecondFactor
from functions.auth.ports import SecondFactors, Users, Vault
from tests.dashboard.browser import ADDRESS, PASSWORD, Browser, text_of

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
CHALLENGE = 'name="challenge" value="'


@pytest.fixture
async def ada() -> Browser:
    return await Browser().become_a_user()


async def test_the_sign_in_requests_the_code_of_the_second_factor(ada: Browser) -> None:
    await turn_on_second_factor(ada)
    other = Browser(ada.capsule)
    page = await other.send("/sign-in", email=ADDRESS, password=PASSWORD, next="/billing")
    assert page.status_code == 200 and "Enter the code" in page.text and not other.client.cookies
    challenge = page.text.partition(CHALLENGE)[2].partition('"')[0]
    wrong = await other.send("/sign-in/code", challenge=challenge, code="000000", next="/billing")
    assert wrong.status_code == 422 and challenge in wrong.text and not other.client.cookies
    code = one_time_codes.code_at(SECRET, one_time_codes.step_of(ada.capsule.clock.now()))
    done = await other.send("/sign-in/code", challenge=challenge, code=code, next="/billing")
    assert (done.status_code, done.headers["location"]) == (303, "/billing")
    assert "Account" in (await other.open("/account")).text


async def test_another_session_is_signed_out(ada: Browser) -> None:
    other = Browser(ada.capsule)
    await other.sign_in()
    page = (await ada.open("/account/security")).text
    [path] = re.findall(r'action="(/account/sessions/[0-9a-f-]{36}/revocation)"', page)
    assert (await ada.send(path)).headers["location"].endswith("done=session-ended")
    page = (await ada.open("/account/security")).text
    assert "this one" in page and 'action="/account/sessions/0' not in page


async def test_the_name_is_changed(ada: Browser) -> None:
    await ada.send("/account/name", name="Ada <Lovelace>")
    assert 'value="Ada &lt;Lovelace&gt;"' in (await ada.open("/account")).text


async def test_an_account_is_deleted_with_confirmation_and_restored(ada: Browser) -> None:
    refused = await ada.send("/account/deletion", email="other@example.org", password=PASSWORD)
    assert refused.status_code == 422 and f"Type {ADDRESS}" in text_of(refused)
    deleted = await ada.send("/account/deletion", email=ADDRESS, password=PASSWORD)
    assert deleted.headers["location"] == "/sign-in?done=account-deleted"
    await ada.sign_in()
    assert "will be deleted" in text_of(await ada.open("/account"))
    assert (await ada.send("/account/restoration")).headers["location"].endswith("done=account-restored")
    assert "will be deleted on" not in text_of(await ada.open("/account"))


async def test_a_forgotten_password_is_reset_with_an_e_mail(ada: Browser) -> None:
    visitor = Browser(ada.capsule)
    page = await visitor.send("/forgotten-password", email=ADDRESS)
    assert "an e-mail with a link is on its way" in text_of(page)


async def turn_on_second_factor(browser: Browser) -> None:
    capsule = browser.capsule
    user = await capsule.port(Users).get_by_email(Email(ADDRESS))
    assert user is not None
    now = capsule.clock.now()
    await capsule.port(SecondFactors).save(SecondFactor(user.id, capsule.port(Vault).seal(SECRET), now, enabled_at=now))
