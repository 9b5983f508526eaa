"""The pages of webhooks: add, test, inspect deliveries, send again, rotate the secret, disable, delete."""

import re

import httpx
import pytest

from tests.dashboard.browser import Browser, text_of
from tests.dashboard.furnished import BOB, join

URL = "https://hooks.example.org/capsule"
SECRET = re.compile(r"whsec_[\w+/=]+")


@pytest.fixture
async def ada() -> Browser:
    return await Browser().become_a_user()


async def add(ada: Browser, **fields: str) -> str:
    """Returns the path of the webhook's page."""
    added = await ada.send("/webhooks", url=URL, **fields)
    assert added.status_code == 200, text_of(added)
    [path] = re.findall(r'action="(/webhooks/[^/"]+)/test"', added.text)
    return str(path)


async def test_a_webhook_is_added_and_its_secret_shown_once(ada: Browser) -> None:
    assert "No webhooks yet" in text_of(await ada.open("/webhooks"))
    added = await ada.send("/webhooks", url=URL, description="<b>chat</b>", **{"type-deployment.failed": "on"})
    [secret] = SECRET.findall(added.text)
    [path] = re.findall(r'action="(/webhooks/[^/"]+)/test"', added.text)
    page = await ada.open(path)
    assert secret not in page.text and 'name="type-deployment.failed" checked' in page.text and 'name="type-alert.fired">' in page.text
    listed = await ada.open("/webhooks")
    assert URL in listed.text and "&lt;b&gt;chat" in listed.text and secret not in listed.text


async def test_a_refused_address_keeps_the_form(ada: Browser) -> None:
    refused = await ada.send("/webhooks", url="http://10.0.0.1/x", description="chat", **{"type-alert.fired": "on"})
    assert refused.status_code == 422 and "private address" in text_of(refused)
    assert 'value="http://10.0.0.1/x"' in refused.text and 'name="type-alert.fired" checked' in refused.text


def key_of(page: httpx.Response, action: str) -> str:
    """The key of the form with this action."""
    [key] = re.findall(rf'action="{action}">\s*<input type="hidden" name="key" value="([^"]+)"', page.text)
    return str(key)


async def test_a_form_whose_outcome_is_unknown_keeps_its_key_and_others_get_a_new_one(ada: Browser) -> None:
    """So sending it again does not add a second webhook, and does not change one twice."""
    path = await add(ada)
    for action, function in (("/webhooks", "monitor.create_webhook"), (path, "monitor.update_webhook")):
        key = key_of(await ada.open(action), action)
        ada.requester.failing = function
        unknown = await ada.send(action, key=key, url=URL)
        assert unknown.status_code == 504 and key_of(unknown, action) == key
        ada.requester.failing = ""
        await ada.send(action, key=key, url=URL)
        first, second = [id for name, id in zip(ada.requester.sent, ada.requester.ids, strict=True) if name == function][-2:]
        assert first == second
        refused = await ada.send(action, key=key, url="http://10.0.0.1/x")
        assert refused.status_code == 422 and key_of(refused, action)[:36] != key[:36]


async def test_a_test_is_delivered_shown_and_sent_again(ada: Browser) -> None:
    path = await add(ada)
    assert (await ada.send(f"{path}/test")).headers["location"] == f"{path}?done=webhook-tested"
    page = await ada.open(path)
    assert "webhook.test" in page.text and "delivered" in text_of(page)
    [again] = re.findall(rf'action="({path}/deliveries/[^"]+)"', page.text)
    assert (await ada.send(again)).headers["location"] == f"{path}?done=redelivering"
    assert "No delivery is failed" in text_of(await ada.open(f"{path}?state=failed"))


async def test_the_secret_is_rotated_and_the_webhook_changed_disabled_enabled_and_deleted(ada: Browser) -> None:
    path = await add(ada)
    rotated = await ada.send(f"{path}/secret-rotation")
    [secret] = SECRET.findall(rotated.text)
    assert "previous secret too" in text_of(rotated) and secret not in (await ada.open(path)).text
    assert (await ada.send(path, url=f"{URL}/2", **{"type-alert.fired": "on"})).headers["location"] == f"{path}?done=saved"
    assert f"{URL}/2" in (await ada.open("/webhooks")).text
    await ada.send(f"{path}/disabling")
    page = await ada.open(path)
    assert "Somebody disabled this webhook" in text_of(page) and "Send a test" not in page.text
    await ada.send(f"{path}/enabling")
    assert "Send a test" in (await ada.open(path)).text
    assert "webhook-deleted" in (await ada.send(f"{path}/deletion", team=str(ada.caller().user_id))).headers["location"]
    assert (await ada.open(path)).status_code == 404


async def test_nobody_sees_or_changes_the_webhook_of_another(ada: Browser) -> None:
    path = await add(ada)
    bob = await Browser(ada.capsule).become_a_user(BOB)
    assert (await bob.open(path)).status_code == 404 and URL not in (await bob.open("/webhooks")).text
    for form in ("", "/test", "/secret-rotation", "/disabling", "/enabling", "/deletion"):
        refused = await bob.send(path + form, url="https://other.example.org/")
        assert refused.status_code == 404 and URL not in refused.text, form
    assert "Send a test" in (await ada.open(path)).text


async def test_a_viewer_of_a_team_is_told_who_manages_webhooks(ada: Browser) -> None:
    team = (await ada.send("/teams", name="crew")).headers["location"].partition("?")[0].removeprefix("/teams/")
    await add(ada, team=team)
    viewer = await join(ada, team, BOB, "viewer")
    page = await viewer.open(f"/webhooks?team={team}")
    assert "does not manage webhooks" in text_of(page) and URL not in page.text
    assert (await viewer.send("/webhooks", url=URL, team=team)).status_code == 403
