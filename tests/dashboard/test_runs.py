"""One-off commands and tests of alert channels, without JavaScript."""

import re

from tests.dashboard.application import BrowserOfDeploy, capsule, deployed
from tests.dashboard.browser import text_of


async def test_a_command_is_started_shown_and_cancelled() -> None:
    ada = await BrowserOfDeploy(capsule()).become_a_user()
    await deployed(ada)
    path = f"{ada.path}/runs"
    assert "No command has run yet" in text_of(await ada.open(path))
    refused = await ada.send(path, environment="staging", command="")
    assert refused.status_code == 422
    started = await ada.send(path, environment="staging", command="echo '<b>'")
    assert started.headers["location"] == f"{path}?done=run-started"
    page = await ada.open(path)
    assert "echo &#39;&lt;b&gt;&#39;" in page.text
    [cancellation] = re.findall(rf'action="({path}/[^"]+/cancellation)"', page.text)
    assert (await ada.send(cancellation)).headers["location"] == f"{path}?done=run-cancelled"


async def test_a_channel_is_tested_and_its_deliveries_are_shown() -> None:
    ada = await BrowserOfDeploy(capsule()).become_a_user()
    await deployed(ada)
    await ada.send(f"{ada.path}/settings/webhooks", url="https://hooks.example.org/alerts")
    [test] = re.findall(rf'action="({ada.path}/settings/webhooks/[^"]+/test)"', (await ada.open(f"{ada.path}/settings")).text)
    deliveries = f"{ada.path}/alert-deliveries"
    assert "No notification was sent yet" in text_of(await ada.open(deliveries))
    assert (await ada.send(test)).headers["location"] == f"{deliveries}?done=channel-tested"
    text = text_of(await ada.open(deliveries))
    assert "https://hooks.example.org/alerts" in text and "test" in text
