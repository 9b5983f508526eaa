"""The page on which a user confirms the sign-in of a device, in a browser without JavaScript."""

import pytest

from functions.auth.commands.begin_device_authorization import BeginDeviceAuthorization, DeviceAuthorizationView
from functions.kernel import Client
from tests.dashboard.browser import Browser, text_of

CLI = Client("198.51.100.7", "capsule-cli/0.2.0 (Linux)")


@pytest.fixture
async def ada() -> Browser:
    return await Browser().become_a_user()


async def begun(browser: Browser) -> DeviceAuthorizationView:
    view = await browser.capsule.call(BeginDeviceAuthorization(), client=CLI)
    assert isinstance(view, DeviceAuthorizationView)
    return view


async def test_a_device_is_shown_and_confirmed(ada: Browser) -> None:
    code = (await begun(ada)).user_code
    page = await ada.open(f"/device?user_code={code}")
    assert f'value="{code}"' in page.text and CLI.address not in page.text
    found = text_of(await ada.send("/device", userCode=code.lower()))
    assert "Capsule CLI 0.2.0 on Linux" in found and CLI.address in found and code in found
    assert "The device is signed in." in text_of(await ada.send("/device/decision", userCode=code, decision="approve"))
    assert "confirmed or denied already" in text_of(await ada.send("/device/decision", userCode=code, decision="approve"))


async def test_a_device_is_denied(ada: Browser) -> None:
    code = (await begun(ada)).user_code
    assert "The sign-in is denied." in text_of(await ada.send("/device/decision", userCode=code, decision="deny"))


async def test_a_wrong_code_is_named_and_stays_in_the_form(ada: Browser) -> None:
    page = await ada.send("/device", userCode="BBBB-BBBB")
    assert page.status_code == 404 and "There is no sign-in with this code" in text_of(page) and 'value="BBBB-BBBB"' in page.text


async def test_signing_in_leads_back_to_the_page_with_its_code(ada: Browser) -> None:
    visitor = Browser(ada.capsule)
    redirect = (await visitor.open("/device?user_code=WDJB-MJHT")).headers["location"]
    assert redirect == "/sign-in?next=%2Fdevice%3Fuser_code%3DWDJB-MJHT"
    signed_in = await visitor.sign_in(next="/device?user_code=WDJB-MJHT")
    assert signed_in.headers["location"] == "/device?user_code=WDJB-MJHT"


async def test_another_site_confirms_nothing(ada: Browser) -> None:
    code = (await begun(ada)).user_code
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}):
        assert (await ada.send("/device/decision", headers, userCode=code, decision="approve")).status_code == 403
    page = await ada.send("/device", userCode="<script>alert(1)</script>")
    assert "<script>alert" not in page.text
