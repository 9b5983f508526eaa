"""Maintenance on the pages of an application, and the setting of its waking-up page."""

import json

import pytest

from tests.dashboard.application import BrowserOfDeploy, deployed
from tests.dashboard.browser import text_of

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
async def ada() -> BrowserOfDeploy:
    return await deployed()


async def test_maintenance_is_started_changed_and_ended(ada: BrowserOfDeploy) -> None:
    path = f"{ada.path}/environments/staging/maintenance"
    assert "Start maintenance" in text_of(await ada.open(ada.path))
    started = await ada.send(path, message=SCRIPT, retryAfterSeconds="60")
    assert started.headers["location"] == f"{ada.path}?done=maintenance-started"
    await ada.deploy.settle()
    page = await ada.open(ada.path)
    assert SCRIPT not in page.text and SCRIPT in text_of(page) and "End maintenance" in text_of(page)
    assert "maintenance" in text_of(await ada.open("/"))
    [service] = [each for (kind, _, name), each in ada.deploy.cluster.objects.items() if (kind, name) == ("Service", "hello-staging")]
    assert json.loads(service["metadata"]["annotations"]["capsule.dev/maintenance"]) == {"message": SCRIPT, "retryAfterSeconds": 60}
    ended = await ada.send(f"{path}/end")
    assert ended.headers["location"] == f"{ada.path}?done=maintenance-ended"
    assert "End maintenance" not in text_of(await ada.open(ada.path))


async def test_odd_values_are_refused(ada: BrowserOfDeploy) -> None:
    response = await ada.send(f"{ada.path}/environments/staging/maintenance", retryAfterSeconds="soon")
    assert response.status_code == 422 and "retryAfterSeconds" in text_of(response)


async def test_the_waking_up_page_is_a_setting(ada: BrowserOfDeploy) -> None:
    settings = f"{ada.path}/settings"
    assert '<option value="wait" selected>' in (await ada.open(settings)).text
    await ada.send(settings, wakingPage="page")
    assert '<option value="page" selected>' in (await ada.open(settings)).text
    await ada.deploy_to("staging")
    [service] = [each for (kind, _, name), each in ada.deploy.cluster.objects.items() if (kind, name) == ("Service", "hello-staging")]
    assert service["metadata"]["annotations"] == {"capsule.dev/waking-page": "true"}
    await ada.send(settings, wakingPage="wait")
    assert '<option value="wait" selected>' in (await ada.open(settings)).text
