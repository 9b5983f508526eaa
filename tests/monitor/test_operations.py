"""Operations of monitor: deliveries to webhooks and tests of alert channels, from the request to the outcome."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.kernel import Caller, EventStream, Forbidden, Membership, Role, Transient
from functions.monitor import ports
from functions.monitor.commands.create_alert_channel import CreateAlertChannel
from functions.monitor.commands.redeliver_webhook import RedeliverWebhook
from functions.monitor.commands.send_test_event import SendTestEvent
from functions.monitor.commands.try_alert_channel import TryAlertChannel
from functions.monitor.domain.operation_views import DeliveryOperationView
from functions.monitor.domain.rejections import OperationNotFound
from functions.monitor.queries.operation import ShowDeliveryOperation
from functions.monitor.queries.operation_events import FollowDeliveryOperation
from tests.monitor.test_webhooks import add, create_environment, deliveries
from tests.monitor.world import ADA, APP, BOB, Monitor


@pytest.fixture
async def monitor() -> Monitor:
    monitor = Monitor()
    await monitor.known()
    return monitor


async def show(monitor: Monitor, operation_id: UUID, caller: Caller = ADA) -> DeliveryOperationView:
    view: DeliveryOperationView = await monitor.call(ShowDeliveryOperation(operation_id=operation_id), caller=caller)
    return view


async def follow(monitor: Monitor, operation_id: UUID, last: str | None = None) -> EventStream[Any]:
    stream: EventStream[Any] = await monitor.call(FollowDeliveryOperation(operation_id=operation_id, last_event_id=last), caller=ADA)
    return stream


async def test_a_test_of_a_webhook_is_followed_to_its_outcome(monitor: Monitor) -> None:
    webhook = await add(monitor)
    monitor.webhooks.trouble = [Transient("status 500")]
    accepted = await monitor.call(SendTestEvent(webhook_id=webhook.id), caller=ADA)
    assert accepted.operation_id == accepted.delivery_id
    first = (await follow(monitor, accepted.operation_id)).events[-1]
    assert (first.data.kind, first.data.state, first.data.resource) == ("webhook-test", "running", f"/v1/webhooks/{webhook.id}/deliveries")
    await monitor.settle()
    last = await follow(monitor, accepted.operation_id, first.id)
    assert last.is_last
    assert (last.events[-1].data.state, last.events[-1].data.problem.detail) == ("failed", "status 500")
    assert (await follow(monitor, accepted.operation_id, last.events[-1].id)).events == []


async def test_a_delivery_that_is_sent_again_is_a_running_operation_again(monitor: Monitor) -> None:
    webhook = await add(monitor, "environment.created")
    await create_environment(monitor)
    await monitor.settle()
    [delivery] = await deliveries(monitor, webhook.id)
    ended = (await follow(monitor, delivery.id)).events[-1]
    accepted = await monitor.call(RedeliverWebhook(webhook_id=webhook.id, delivery_id=delivery.id), caller=ADA)
    again = (await follow(monitor, accepted.operation_id, ended.id)).events[-1]
    assert (again.data.kind, again.data.state) == ("webhook-delivery", "running")
    await monitor.settle()
    assert (await follow(monitor, accepted.operation_id, again.id)).events[-1].data.state == "succeeded"


async def test_a_test_of_an_alert_channel_is_an_operation_of_its_application(monitor: Monitor) -> None:
    channel = await monitor.call(CreateAlertChannel(application_id=APP, url="https://hooks.example.org/x"), caller=ADA)
    accepted = await monitor.call(TryAlertChannel(application_id=APP, channel_id=channel.id), caller=ADA)
    first = (await follow(monitor, accepted.operation_id)).events[-1]
    await monitor.settle()
    last = await follow(monitor, accepted.operation_id, first.id)
    assert (last.is_last, last.events[-1].data.kind, last.events[-1].data.state) == (True, "alert-test", "succeeded")
    assert last.events[-1].data.resource == f"/v1/apps/{APP}/alert-deliveries"


async def test_a_delivery_is_shown_to_who_may_list_deliveries(monitor: Monitor) -> None:
    webhook = await add(monitor)
    accepted = await monitor.call(SendTestEvent(webhook_id=webhook.id), caller=ADA)
    viewer = Caller(uuid4())
    await monitor.port(ports.Memberships).save(Membership(uuid4(), ADA.user_id, viewer.user_id, Role.VIEWER))
    with pytest.raises(Forbidden, match=r"webhooks\.manage"):
        await show(monitor, accepted.operation_id, viewer)
    for caller, operation_id in ((BOB, accepted.operation_id), (ADA, uuid4())):
        with pytest.raises(OperationNotFound):
            await show(monitor, operation_id, caller)
