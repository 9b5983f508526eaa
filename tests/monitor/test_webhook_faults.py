"""Webhooks of teams over memory: faults of Capsule, limits, changes during an attempt, and API tokens."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from events.auth import UserDeleted
from events.deploy import EnvironmentCreated
from functions.kernel import Caller, Forbidden, Permanent
from functions.monitor import ports
from functions.monitor.commands.create_webhook import CreateWebhook
from functions.monitor.commands.redeliver_webhook import RedeliverWebhook
from functions.monitor.commands.rotate_webhook_secret import RotateWebhookSecret
from functions.monitor.commands.send_test_event import SendTestEvent
from functions.monitor.commands.update_webhook import UpdateWebhook
from functions.monitor.domain import webhook_delivery
from functions.monitor.domain.rejections import TooManyPendingDeliveries
from functions.monitor.domain.webhook import FAILING_PERIOD, ROTATION_PERIOD, Webhook
from functions.monitor.domain.webhook_delivery import WebhookDelivery
from functions.monitor.domain.webhook_views import NewWebhookView
from functions.monitor.services.attempt_limiter import BUSY_DELAY, MAX_ATTEMPTS_OF_TEAM, AttemptLimiter
from functions.runtime.security.encryption import CannotUnseal
from tests.monitor.owner import channel
from tests.monitor.world import ADA, APP, BOB, NOW, Monitor

URL = "https://hooks.example.org/"
HOUR = timedelta(hours=1)


@pytest.fixture
async def monitor() -> Monitor:
    monitor = Monitor()
    await monitor.known()
    return monitor


async def add(monitor: Monitor, *types: str, caller: Caller = ADA, url: str = URL) -> NewWebhookView:
    view: NewWebhookView = await monitor.call(CreateWebhook(url=url, event_types=list(types or ["*"])), caller=caller)
    return view


async def create_environment(monitor: Monitor) -> None:
    await monitor.publish(EnvironmentCreated(application_id=APP, user_id=ADA.user_id, application="shop", environment="review", at=NOW))


async def send_test(monitor: Monitor, webhook_id: UUID) -> None:
    await monitor.call(SendTestEvent(webhook_id=webhook_id), caller=ADA)


def stored(monitor: Monitor, webhook_id: UUID) -> Webhook:
    webhook: Webhook = monitor.port(ports.WebhookStore).rows[webhook_id]
    return webhook


def only_delivery(monitor: Monitor) -> WebhookDelivery:
    [delivery] = monitor.port(ports.WebhookDeliveries).rows.values()
    return delivery


async def test_a_fault_of_capsule_is_a_failed_attempt_and_no_failure_of_the_webhook(monitor: Monitor) -> None:
    created = await add(monitor)
    monitor.webhooks.trouble = [CannotUnseal("the text is sealed with key 1")]
    await create_environment(monitor)
    failed = only_delivery(monitor)
    assert (failed.attempts, failed.response) == (1, "Capsule could not send the request: CannotUnseal")
    assert stored(monitor, created.id).failing_since is None and monitor.dead_letters == []
    await monitor.advance(seconds=5)
    assert only_delivery(monitor).state == "delivered"


async def test_a_fault_of_capsule_is_recorded_for_an_alert_channel(monitor: Monitor) -> None:
    await channel(monitor)
    monitor.webhooks.trouble = [CannotUnseal("the text is sealed with key 1")]
    await monitor.failed()
    with pytest.raises(CannotUnseal):  # the runtime retries it, and then stores a dead letter
        await monitor.advance(minutes=1)
    [attempted] = [each for each in monitor.deliveries.deliveries.values() if each.channel_id is not None]
    assert (attempted.state, attempted.attempts, attempted.answer) == ("pending", 1, "Capsule could not send it: CannotUnseal")


async def test_a_test_is_sent_once(monitor: Monitor) -> None:
    created = await add(monitor)
    monitor.webhooks.trouble = [Permanent("hooks.example.org answered 404")]
    await send_test(monitor, created.id)
    await monitor.settle()
    assert (only_delivery(monitor).state, only_delivery(monitor).attempts) == ("failed", 1)


async def test_above_the_limit_of_pending_deliveries_users_request_no_others(monitor: Monitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_delivery, "MAX_PENDING", 2)
    created = await add(monitor)
    await send_test(monitor, created.id)
    finished = only_delivery(monitor)
    await monitor.settle()
    for _ in range(2):
        await send_test(monitor, created.id)
    with pytest.raises(TooManyPendingDeliveries, match="has 2 pending deliveries"):
        await send_test(monitor, created.id)
    with pytest.raises(TooManyPendingDeliveries):
        await monitor.call(RedeliverWebhook(webhook_id=created.id, delivery_id=finished.id), caller=ADA)
    await monitor.settle()
    await send_test(monitor, created.id)


async def test_housekeeping_keeps_what_is_not_sent_yet(monitor: Monitor) -> None:
    created = await add(monitor)
    for _ in range(3):
        await send_test(monitor, created.id)
    await monitor.settle()
    rows = monitor.port(ports.WebhookDeliveries).rows
    pending, *_ = rows.values()
    pending.redeliver(NOW + timedelta(days=40))
    await monitor.advance(days=31)
    await monitor.run("monitor.housekeeping")
    assert list(rows) == [pending.id]


async def test_a_token_that_may_not_read_sends_nothing_to_its_own_server(monitor: Monitor) -> None:
    writer = Caller(ADA.user_id, session_id=uuid4(), scopes=frozenset({"monitor"}))
    both = Caller(ADA.user_id, session_id=uuid4(), scopes=frozenset({"monitor", "read"}))
    with pytest.raises(Forbidden, match="scope read"):
        await add(monitor, caller=writer)
    created = await add(monitor, caller=both)
    assert created.created_by == ADA.user_id
    change = UpdateWebhook(webhook_id=created.id, url="https://other.example.org/")
    with pytest.raises(Forbidden, match="scope read"):
        await monitor.call(change, caller=writer)
    assert (await monitor.call(change, caller=both)).url == change.url


async def test_each_replaced_secret_stays_valid_for_a_day(monitor: Monitor) -> None:
    secrets = [(await add(monitor)).secret]
    [webhook_id] = monitor.port(ports.WebhookStore).rows
    for _ in range(3):
        await monitor.advance(monitor.clock.now() + HOUR)
        secrets.append((await monitor.call(RotateWebhookSecret(webhook_id=webhook_id), caller=ADA)).secret)
    first, second, _, newest = secrets

    async def signed_with(at: datetime) -> list[str]:
        await monitor.advance(at)
        await send_test(monitor, webhook_id)
        await monitor.settle()
        used: str = monitor.webhooks.posted[-1][1]
        return used.split()

    assert await signed_with(NOW + 4 * HOUR) == [newest, second, first], "the third rotation replaced the third secret at once"
    assert await signed_with(NOW + ROTATION_PERIOD + HOUR) == [newest, second]
    assert await signed_with(NOW + ROTATION_PERIOD + 2 * HOUR) == [newest]


async def test_every_outage_has_its_own_e_mail_and_an_e_mail_that_fails_holds_nothing_back(monitor: Monitor) -> None:
    created = await add(monitor, "environment.created")
    other = await add(monitor, "webhook.disabled", url="https://other.example.org/")
    notices = monitor.port(ports.WebhookNotices)
    notices.trouble = [Permanent("no such mailbox")]
    for _ in range(3):
        monitor.webhooks.trouble = [ports.WebhookGone("hooks.example.org answered 410 Gone")]
        await create_environment(monitor)
        await monitor.call(UpdateWebhook(webhook_id=created.id, enabled=True), caller=ADA)
    assert len([url for url, *_ in monitor.webhooks.posted if url == other.url]) == 3
    assert len({intent for intent, *_ in notices.sent}) == len(notices.sent) == 2


class Meanwhile:
    """Changes the webhook during an attempt, and then lets it fail."""

    def __init__(self, change: Callable[[], None], error: Exception) -> None:
        self._change, self._error = change, error

    async def post(self, url: str, secrets: Sequence[str], delivery_id: UUID, body: bytes, at: datetime) -> str:
        self._change()
        raise self._error


async def test_a_result_is_not_held_against_another_url(monitor: Monitor, monkeypatch: pytest.MonkeyPatch) -> None:
    created = await add(monitor)
    gone = ports.WebhookGone("hooks.example.org answered 410 Gone")
    sender = Meanwhile(lambda: stored(monitor, created.id).move("https://other.example.org/"), gone)
    monkeypatch.setattr(monitor.webhooks, "post", sender.post)
    await create_environment(monitor)
    webhook = stored(monitor, created.id)
    assert webhook.is_enabled and webhook.failing_since is None and only_delivery(monitor).attempts == 1
    monkeypatch.undo()
    await monitor.advance(seconds=5)
    assert [each[0] for each in monitor.webhooks.posted] == ["https://other.example.org/"]


async def test_a_new_url_starts_without_failures(monitor: Monitor) -> None:
    created = await add(monitor)
    monitor.webhooks.trouble = [Permanent("404")] * 8
    await create_environment(monitor)
    await monitor.advance(FAILING_PERIOD + NOW)
    assert stored(monitor, created.id).failing_since == NOW
    await monitor.call(UpdateWebhook(webhook_id=created.id, url=URL), caller=ADA)
    assert stored(monitor, created.id).failing_since == NOW, "the same URL"
    await monitor.call(UpdateWebhook(webhook_id=created.id, url="https://other.example.org/"), caller=ADA)
    assert stored(monitor, created.id).failing_since is None


async def test_attempts_of_one_team_leave_places_for_others(monitor: Monitor) -> None:
    await add(monitor)
    limiter = monitor.port(AttemptLimiter)
    with ExitStack() as stack:
        assert all([stack.enter_context(limiter.place(ADA.user_id)) for _ in range(MAX_ATTEMPTS_OF_TEAM)])
        await create_environment(monitor)
        with limiter.place(BOB.user_id) as has_place:
            assert has_place, "another team's attempts go on"
        assert monitor.webhooks.posted == []
        assert (only_delivery(monitor).attempts, only_delivery(monitor).next_attempt_at) == (0, NOW + BUSY_DELAY)
    await monitor.advance(NOW + BUSY_DELAY)
    assert (only_delivery(monitor).state, only_delivery(monitor).attempts) == ("delivered", 1)


async def test_a_delivery_is_due_from_when_it_was_stored(monitor: Monitor) -> None:
    await add(monitor)
    await monitor.advance(monitor.clock.now() + HOUR)
    await create_environment(monitor)
    assert (only_delivery(monitor).created_at, only_delivery(monitor).payload.timestamp) == (NOW + HOUR, NOW)


async def test_the_repeated_erasure_deletes_webhooks_too(monitor: Monitor) -> None:
    await monitor.publish(UserDeleted(user_id=ADA.user_id, at=NOW))
    await add(monitor)  # a command that was running when the user was deleted
    monitor.clock.advance(hours=1)
    await monitor.run("monitor.housekeeping")
    assert monitor.port(ports.WebhookStore).rows == {}
