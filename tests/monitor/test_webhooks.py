"""Webhooks of teams over memory: who receives what, retries, rotation, and webhooks that fail for days."""

import json
from datetime import timedelta
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest

from events.billing import InvoiceIssued
from events.deploy import ApplicationDeleted, EnvironmentCreated
from events.monitor import AlertFired, WebhookDisabled
from functions.kernel import Caller, Event, Forbidden, Membership, Page, Permanent, Role, Transient
from functions.monitor import ports
from functions.monitor.commands.create_webhook import CreateWebhook
from functions.monitor.commands.delete_webhook import DeleteWebhook
from functions.monitor.commands.redeliver_webhook import RedeliverWebhook
from functions.monitor.commands.rotate_webhook_secret import RotateWebhookSecret
from functions.monitor.commands.send_test_event import SendTestEvent
from functions.monitor.commands.update_webhook import UpdateWebhook
from functions.monitor.domain.rejections import (
    InvalidEventTypes,
    InvalidWebhook,
    TeamNotFound,
    TooManyWebhooks,
    WebhookDeliveryIsPending,
    WebhookDeliveryNotFound,
    WebhookIsDisabled,
    WebhookNotFound,
)
from functions.monitor.domain.webhook import MAX_WEBHOOKS, ROTATION_PERIOD
from functions.monitor.domain.webhook_delivery import RETRY_DELAYS
from functions.monitor.domain.webhook_events import PUBLIC_EVENTS
from functions.monitor.domain.webhook_views import NewWebhookView, WebhookDeliveryView, WebhookView
from functions.monitor.queries.webhook import ShowWebhook
from functions.monitor.queries.webhook_deliveries import ListWebhookDeliveries
from functions.monitor.queries.webhook_event_types import ListWebhookEventTypes
from functions.monitor.queries.webhooks import ListWebhooks
from functions.runtime.config.registry import Registry
from tests.monitor.world import ADA, APP, BOB, DEPLOYMENT, NOW, Monitor

TEAM = UUID(int=77)
URL = "https://hooks.example.org/capsule?key=secret"


@pytest.fixture
async def monitor() -> Monitor:
    monitor = Monitor()
    await monitor.known()
    return monitor


async def add(monitor: Monitor, *types: str, caller: Caller = ADA, **fields: Any) -> NewWebhookView:
    request = CreateWebhook.model_validate({"url": URL, "eventTypes": list(types or ["*"]), **fields})
    view: NewWebhookView = await monitor.call(request, caller=caller)
    return view


async def create_environment(monitor: Monitor) -> None:
    await monitor.publish(EnvironmentCreated(application_id=APP, user_id=ADA.user_id, application="shop", environment="review", at=NOW))


async def deliveries(monitor: Monitor, webhook_id: UUID, **fields: Any) -> list[WebhookDeliveryView]:
    request = ListWebhookDeliveries.model_validate({"webhookId": webhook_id, **fields})
    page: Page[WebhookDeliveryView] = await monitor.call(request, caller=ADA)
    return page.items


async def show(monitor: Monitor, webhook_id: UUID) -> WebhookView:
    view: WebhookView = await monitor.call(ShowWebhook(webhook_id=webhook_id), caller=ADA)
    return view


def bodies(monitor: Monitor) -> list[dict[str, Any]]:
    return [json.loads(body) for _, _, _, body in monitor.webhooks.posted]


async def test_a_webhook_receives_the_types_it_has_chosen_with_the_event_as_data(monitor: Monitor) -> None:
    created = await add(monitor, "deployment.succeeded", "deployment.rolled-back")
    await monitor.succeeded(DEPLOYMENT)
    await monitor.failed(uuid4())
    await monitor.rolled_back(uuid4())
    [succeeded, rolled_back] = bodies(monitor)
    assert (succeeded["type"], succeeded["timestamp"]) == ("deployment.succeeded", "2026-05-20T10:30:00Z")
    assert (succeeded["data"]["deploymentId"], succeeded["data"]["url"]) == (str(DEPLOYMENT), "http://shop.localhost")
    assert rolled_back["data"]["reason"] == "error-rate"
    [(url, secret, webhook_id, _), _] = monitor.webhooks.posted
    assert (url, secret) == (URL, created.secret) and created.secret.startswith("whsec_")
    listed = await deliveries(monitor, created.id)
    assert [(each.event_type, each.state, each.attempts, each.response) for each in listed] == [
        ("deployment.rolled-back", "delivered", 1, "204 No Content"),
        ("deployment.succeeded", "delivered", 1, "204 No Content"),
    ]
    assert listed[1].id == webhook_id and listed[1].payload.data["deploymentId"] == str(DEPLOYMENT)


def _written(annotation: Any) -> str:
    """A type as it is written: `UUID`, `list[str]`, `UUID | None`."""
    if get_args(annotation):
        return str(annotation).replace("uuid.", "")
    return str(annotation.__name__)


def sample(event: type[Event]) -> Event:
    """An event of ADA's application with a value for each field that needs one."""
    ids = {"user_id": ADA.user_id, "application_id": APP}
    values = {"str": "x", "int": 7, "UUID": uuid4(), "datetime": NOW, "list[str]": ["x"], "UUID | None": None}
    fields = {name: ids.get(name, values[_written(info.annotation)]) for name, info in event.model_fields.items() if info.is_required()}
    return event(**fields)


@pytest.mark.parametrize("type_", sorted(PUBLIC_EVENTS.keys() - {"webhook.disabled"}))
async def test_every_public_event_reaches_the_webhooks_of_its_team_and_no_other(monitor: Monitor, type_: str) -> None:
    await add(monitor, "*")
    await add(monitor, "*", caller=BOB)
    event = sample(PUBLIC_EVENTS[type_])
    await monitor.publish(event)
    received = [body for body in bodies(monitor) if body["type"] == type_]
    assert [each["data"] for each in received] == [event.model_dump(mode="json", by_alias=True)], "ADA's webhook alone"


def test_every_public_event_has_a_handler_here() -> None:
    handled = {each.message_type for each in Registry.load(["monitor"]).declarations}
    assert PUBLIC_EVENTS.keys() <= handled


async def test_alerts_of_the_platform_and_unknown_applications_reach_nobody(monitor: Monitor) -> None:
    await add(monitor, "*")
    for application in (UUID(int=0), uuid4()):
        fields = {"alert_id": uuid4(), "application_id": application, "environment": "x", "kind": "latency", "summary": "slow", "at": NOW}
        await monitor.publish(AlertFired(**fields))
    assert monitor.webhooks.posted == []


async def test_the_public_types_are_listed_with_a_summary(monitor: Monitor) -> None:
    page = await monitor.call(ListWebhookEventTypes())
    assert [each.type for each in page.items] == sorted(PUBLIC_EVENTS)
    assert {"deployment.failed", "application.deleted", "alert.fired", "invoice.issued", "payment.processed"} <= PUBLIC_EVENTS.keys()
    assert all(each.summary.endswith(".") for each in page.items)


async def test_a_failed_attempt_is_repeated_on_schedule_under_one_id_and_then_given_up(monitor: Monitor) -> None:
    created = await add(monitor)
    monitor.webhooks.trouble = [Transient("hooks.example.org answered 503"), *([Permanent("hooks.example.org answered 404")] * len(RETRY_DELAYS))]
    await create_environment(monitor)
    for number, delay in enumerate(RETRY_DELAYS, start=1):
        [pending] = await deliveries(monitor, created.id, state="pending")
        assert (pending.attempts, pending.next_attempt_at) == (number, monitor.clock.now() + delay)
        await monitor.advance(pending.next_attempt_at)
    [failed] = await deliveries(monitor, created.id)
    assert (failed.state, failed.attempts, failed.response) == ("failed", 8, "hooks.example.org answered 404")
    assert monitor.webhooks.posted == [] and monitor.dead_letters == []
    assert timedelta(hours=27) < monitor.clock.now() - NOW < timedelta(hours=28)

    await monitor.call(RedeliverWebhook(webhook_id=created.id, delivery_id=failed.id), caller=ADA)
    await monitor.settle()
    [delivered] = await deliveries(monitor, created.id)
    assert (delivered.state, delivered.attempts, monitor.webhooks.posted[0][2]) == ("delivered", 9, failed.id)
    assert (await show(monitor, created.id)).failing_since is None


async def test_a_repeated_request_makes_no_second_attempt(monitor: Monitor) -> None:
    created = await add(monitor)
    accepted = await monitor.call(SendTestEvent(webhook_id=created.id), caller=ADA)
    [row] = monitor.port(ports.WebhookDeliveries).rows.values()
    request = row.next_request()
    await monitor.settle()
    await monitor.publish(request)
    assert [each[2] for each in monitor.webhooks.posted] == [accepted.delivery_id]
    assert bodies(monitor)[0] == {"type": "webhook.test", "timestamp": "2026-05-20T10:30:00Z", "data": {"webhookId": str(created.id)}}


async def test_housekeeping_requests_an_attempt_again_whose_request_was_lost(monitor: Monitor) -> None:
    created = await add(monitor)
    monitor.webhooks.trouble = [Transient("away")]
    await create_environment(monitor)
    monitor.forget_delayed()
    await monitor.advance(minutes=30)
    await monitor.run("monitor.housekeeping")
    assert [each.state for each in await deliveries(monitor, created.id)] == ["delivered"]
    await monitor.advance(days=31)
    await monitor.run("monitor.housekeeping")
    assert await deliveries(monitor, created.id) == []


async def test_a_webhook_that_fails_for_days_is_disabled_and_its_team_is_told(monitor: Monitor) -> None:
    failing = await add(monitor, "environment.created")
    other = await add(monitor, "webhook.disabled", url="https://other.example.org/")

    monitor.webhooks.trouble = [Permanent("hooks.example.org answered 404")] * 8
    await create_environment(monitor)
    await monitor.advance(days=3)
    assert (await show(monitor, failing.id)).is_enabled, "a day of failures is no reason"
    monitor.webhooks.trouble = [Permanent("hooks.example.org answered 404")] * 8
    await monitor.advance(days=3)
    await create_environment(monitor)
    await monitor.advance(days=2)
    view = await show(monitor, failing.id)
    assert (view.is_enabled, view.disabled_reason) == (False, "failing")
    assert [each.webhook_id for each in monitor.events(WebhookDisabled)] == [failing.id]
    notices = monitor.port(ports.WebhookNotices).sent
    assert [each[1:] for each in notices] == [("ada@example.org", "https://hooks.example.org", "failing")], (
        "without path and query: they may be a password"
    )
    assert [body["data"]["reason"] for body in bodies(monitor)] == ["failing"]
    assert [each.event_type for each in await deliveries(monitor, other.id)] == ["webhook.disabled"]

    await create_environment(monitor)
    assert len(await deliveries(monitor, failing.id)) == 2, "nothing is stored for a disabled webhook"
    with pytest.raises(WebhookIsDisabled, match=f"capsule webhooks update {failing.id} --enable"):
        await monitor.call(SendTestEvent(webhook_id=failing.id), caller=ADA)
    await monitor.call(UpdateWebhook(webhook_id=failing.id, enabled=True), caller=ADA)
    await create_environment(monitor)
    assert [each.state for each in await deliveries(monitor, failing.id)] == ["delivered", "failed", "failed"]


async def test_a_webhook_that_is_gone_is_disabled_at_once(monitor: Monitor) -> None:
    created = await add(monitor)
    monitor.webhooks.trouble = [ports.WebhookGone("hooks.example.org answered 410 Gone")]
    await create_environment(monitor)
    assert (await show(monitor, created.id)).disabled_reason == "gone"
    await monitor.advance(minutes=5)
    [delivery] = await deliveries(monitor, created.id)
    assert (delivery.state, delivery.response) == ("failed", "the webhook is disabled (gone)")


async def test_after_a_rotation_requests_are_signed_with_both_secrets_for_a_day(monitor: Monitor) -> None:
    created = await add(monitor)
    rotated = await monitor.call(RotateWebhookSecret(webhook_id=created.id), caller=ADA)
    assert rotated.secret != created.secret and rotated.previous_secret_expires_at == NOW + ROTATION_PERIOD
    for _ in range(2):
        await monitor.call(SendTestEvent(webhook_id=created.id), caller=ADA)
        await monitor.settle()
        await monitor.advance(NOW + ROTATION_PERIOD)
    assert [each[1] for each in monitor.webhooks.posted] == [f"{rotated.secret} {created.secret}", rotated.secret]
    rows = monitor.port(ports.WebhookStore).rows
    assert rows[created.id].secret == monitor.vault.seal(rotated.secret), "sealed where it is stored"
    assert "whsec_" not in repr(rows[created.id])


async def test_input_that_cannot_work_is_refused(monitor: Monitor) -> None:
    with pytest.raises(InvalidEventTypes, match=r"'deployment.exploded' is not an event type. Types: alert.fired, "):
        await add(monitor, "deployment.failed", "deployment.exploded")
    with pytest.raises(InvalidEventTypes, match="at least one"):
        await add(monitor, eventTypes=[])
    for url in ("http://10.0.0.1/", "ftp://example.org/", "http://user:pw@example.org/"):
        with pytest.raises(InvalidWebhook):
            await add(monitor, url=url)
    created = await add(monitor)
    for change in ({"url": "http://localhost/"}, {"eventTypes": ["x"]}):
        with pytest.raises((InvalidWebhook, InvalidEventTypes)):
            await monitor.call(UpdateWebhook.model_validate({"webhookId": created.id, **change}), caller=ADA)
    for _ in range(MAX_WEBHOOKS - 1):
        await add(monitor)
    with pytest.raises(TooManyWebhooks):
        await add(monitor)


async def test_a_webhook_changes_and_is_deleted(monitor: Monitor) -> None:
    created = await add(monitor, "deployment.failed", description="chat")
    change = UpdateWebhook(webhook_id=created.id, event_types=["alert.fired", "alert.fired"], description="pager", enabled=False)
    view = await monitor.call(change, caller=ADA)
    assert (view.event_types, view.description, view.url, view.disabled_reason) == (["alert.fired"], "pager", URL, "by-user")
    assert [each.id for each in (await monitor.call(ListWebhooks(), caller=ADA)).items] == [created.id]
    await monitor.call(DeleteWebhook(webhook_id=created.id), caller=ADA)
    with pytest.raises(WebhookNotFound):
        await show(monitor, created.id)


async def test_only_owners_and_administrators_of_the_team_manage_its_webhooks(monitor: Monitor) -> None:
    with pytest.raises(TeamNotFound):
        await add(monitor, team_id=TEAM)
    memberships = monitor.port(ports.Memberships)
    await memberships.save(Membership(uuid4(), TEAM, ADA.user_id, Role.ADMIN))
    await memberships.save(Membership(uuid4(), TEAM, BOB.user_id, Role.DEVELOPER))
    created = await add(monitor, team_id=TEAM)
    accepted = await monitor.call(SendTestEvent(webhook_id=created.id), caller=ADA)
    requests = (
        *(ShowWebhook(webhook_id=created.id), ListWebhookDeliveries(webhook_id=created.id), UpdateWebhook(webhook_id=created.id, enabled=False)),
        *(DeleteWebhook(webhook_id=created.id), RotateWebhookSecret(webhook_id=created.id), SendTestEvent(webhook_id=created.id)),
        RedeliverWebhook(webhook_id=created.id, delivery_id=accepted.delivery_id),
    )
    for request in requests:
        with pytest.raises(Forbidden, match=r"webhooks\.manage"):
            await monitor.call(request, caller=BOB)
        with pytest.raises(WebhookNotFound):
            await monitor.call(request, caller=Caller(uuid4()))
    with pytest.raises(Forbidden):
        await monitor.call(ListWebhooks(team_id=TEAM), caller=BOB)
    with pytest.raises(WebhookDeliveryIsPending):
        await monitor.call(requests[-1], caller=ADA)
    elsewhere = await add(monitor)
    with pytest.raises(WebhookDeliveryNotFound):
        await monitor.call(RedeliverWebhook(webhook_id=elsewhere.id, delivery_id=accepted.delivery_id), caller=ADA)


async def test_webhooks_go_with_the_account_of_their_user(monitor: Monitor) -> None:
    await add(monitor)
    await monitor.port(ports.WebhookStore).delete_of_team(ADA.user_id)
    event = ApplicationDeleted(application_id=APP, user_id=ADA.user_id, name="shop", at=NOW)
    await monitor.publish(event)
    await monitor.publish(sample(InvoiceIssued))
    assert monitor.webhooks.posted == [] and (await monitor.call(ListWebhooks(), caller=ADA)).items == []
