"""Notifications over memory: channels, deliveries that fail, signatures."""

import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from events.monitor import AlertNotificationRequested
from functions.kernel import Permanent, Transient
from functions.monitor.commands.delete_alert_channel import DeleteAlertChannel
from functions.monitor.commands.try_alert_channel import TryAlertChannel
from functions.monitor.domain.notifications import DeliveryState, signature
from functions.monitor.domain.rejections import (
    InvalidWebhook,
    TooManyChannels,
)
from functions.monitor.domain.timers import GROUP_WAIT
from functions.monitor.queries.alert_channels import ListAlertChannels
from functions.monitor.queries.alert_deliveries import ListAlertDeliveries
from tests.monitor.owner import channel
from tests.monitor.world import ADA, APP, MINUTE, NOW, Monitor

SECOND = timedelta(seconds=1)


@pytest.fixture
async def monitor() -> Monitor:
    monitor = Monitor()
    await monitor.known()
    return monitor


async def test_a_delivery_that_fails_for_now_is_logged_and_sent_under_the_same_id_later(monitor: Monitor) -> None:
    await channel(monitor)
    monitor.mailer.trouble = [Transient("the mail server is away")]
    await monitor.failed()
    await monitor.advance(monitor.clock.now() + GROUP_WAIT)
    by_mail = next(delivery for delivery in monitor.deliveries.deliveries.values() if delivery.channel_id is None)
    assert (by_mail.state, by_mail.attempts, by_mail.answer) == (DeliveryState.PENDING, 1, "the mail server is away")
    await monitor.advance(minutes=1)
    await monitor.publish(AlertNotificationRequested(delivery_id=by_mail.id, application_id=APP, at=NOW))
    assert [intent for intent, _, _ in monitor.mailer.sent] == [by_mail.id] and len(monitor.webhooks.posted) == 1
    view = await monitor.call(ListAlertDeliveries(application_id=APP), caller=ADA)
    assert [(each.target, each.state, each.attempts, each.answer) for each in view.items] == [
        ("ada@example.org", "delivered", 2, "sent"),
        ("https://hooks.example.org/x?y=1", "delivered", 1, "204 No Content"),
    ]
    assert all(each.alert_ids == [monitor.open_alerts()[0].id] for each in view.items)


async def test_a_webhook_that_refuses_for_good_is_not_tried_again(monitor: Monitor) -> None:
    hook = await channel(monitor)
    monitor.webhooks.trouble = [Permanent("hooks.example.org answered 410 Gone")]
    request = TryAlertChannel(application_id=APP, channel_id=hook.id)
    await monitor.call(request, caller=ADA)
    await monitor.settle()
    (delivery,) = monitor.deliveries.deliveries.values()
    assert (delivery.state, delivery.answer, delivery.notice) == (DeliveryState.FAILED, "hooks.example.org answered 410 Gone", "test")


async def test_a_webhook_that_never_answers_has_failed_and_is_nothing_for_an_operator(monitor: Monitor) -> None:
    hook = await channel(monitor)
    monitor.webhooks.trouble = [Transient("cannot resolve hooks.example.org: Name or service not known") for _ in range(100)]
    await monitor.call(TryAlertChannel(application_id=APP, channel_id=hook.id), caller=ADA)
    for _ in range(24):
        await monitor.advance(minutes=60)
    (delivery,) = monitor.deliveries.deliveries.values()
    assert (delivery.state, delivery.answer) == (DeliveryState.FAILED, "cannot resolve hooks.example.org: Name or service not known")
    assert delivery.attempts > 1 and not monitor.dead_letters


async def test_what_was_on_its_way_to_a_deleted_channel_is_not_sent(monitor: Monitor) -> None:
    hook = await channel(monitor)
    request = TryAlertChannel(application_id=APP, channel_id=hook.id)
    await monitor.call(request, caller=ADA)
    deleted = DeleteAlertChannel(application_id=APP, channel_id=hook.id)
    await monitor.call(deleted, caller=ADA)
    await monitor.settle()
    assert monitor.webhooks.posted == []
    assert [delivery.state for delivery in monitor.deliveries.deliveries.values()] == [DeliveryState.FAILED]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x.example/",
        "https://",
        "https://u:p@x.example/",
        "https://x.example/#a",
        "https://x example/",
        "x",
        f"https://x.example/{'a' * 500}",
    ],
)
async def test_an_address_that_is_none_is_refused(monitor: Monitor, url: str) -> None:
    with pytest.raises(InvalidWebhook):
        await channel(monitor, url)


async def test_channels_are_bounded_and_their_secret_is_shown_once(monitor: Monitor) -> None:
    made = [await channel(monitor) for _ in range(10)]
    with pytest.raises(TooManyChannels):
        await channel(monitor)
    view = await monitor.call(ListAlertChannels(application_id=APP), caller=ADA)
    assert [each.id for each in view.items] == [each.id for each in made]
    assert "secret" not in view.model_dump_json() and len({each.secret for each in made}) == 10
    kept = {each.secret for each in monitor.channels.channels.values()}
    assert kept.isdisjoint(each.secret for each in made), "it rests sealed"
    assert {monitor.vault.open(each) for each in kept} == {each.secret for each in made}


async def test_a_channel_whose_key_is_gone_says_so_in_the_log_of_deliveries(monitor: Monitor) -> None:
    made = await channel(monitor)
    monitor.channels.channels[made.id] = replace(monitor.channels.channels[made.id], secret="sealed:gone:x")
    await monitor.failed()
    await monitor.advance(monitor.clock.now() + MINUTE)
    by_hook = next(each for each in monitor.deliveries.deliveries.values() if each.channel_id == made.id)
    assert (by_hook.state, by_hook.answer) == ("failed", "it is not sealed") and monitor.webhooks.posted == []


def test_a_signature_is_that_of_standard_webhooks() -> None:
    """The example of the specification's reference libraries."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    delivery = UUID(int=7)
    expected = hmac.new(base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), f"{delivery}.1614265330.".encode() + body, hashlib.sha256).digest()
    assert signature([secret], delivery, 1614265330, body) == "v1," + base64.b64encode(expected).decode()
