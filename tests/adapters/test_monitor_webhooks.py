"""The contracts of `WebhookStore` and `WebhookDeliveries`, on memory and on PostgreSQL, and a receiver that verifies what is sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from aiohttp import web
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from functions.kernel import Caller, Membership, Permission, Permit, TeamAccess, Transient, check_team
from functions.monitor.adapters import webhooks as http_webhooks
from functions.monitor.adapters.postgres_webhooks import PostgresWebhookDeliveries, PostgresWebhooks
from functions.monitor.adapters.webhooks import HttpWebhooks
from functions.monitor.domain.notifications import DeliveryState, new_secret
from functions.monitor.domain.rejections import TooManyWebhooks, WebhookNotFound
from functions.monitor.domain.webhook import DisabledReason, Webhook
from functions.monitor.domain.webhook_delivery import WebhookDelivery
from functions.monitor.domain.webhook_events import WebhookPayload
from functions.monitor.ports import WebhookDeliveries, WebhookStore
from functions.runtime.config.settings import Settings
from functions.runtime.security.outgoing import checked_address
from functions.runtime.storage.database import Database
from tests.memory.monitor_webhooks import MemoryWebhookDeliveries, MemoryWebhookStore
from tests.servers import Databases

NOW = datetime(2026, 5, 20, 10, 30, tzinfo=UTC)
PAYLOAD = WebhookPayload(type="deployment.failed", timestamp=NOW, data={"applicationId": str(UUID(int=10)), "release": None, "detail": "ü ' \""})


@dataclass
class Stores:
    webhooks: WebhookStore
    deliveries: WebhookDeliveries
    database: Database | None = None

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        return self.database.transaction() if self.database else nullcontext()


@pytest.fixture(scope="module")
def url(postgres: Databases) -> str:
    return postgres.database("monitor").functions_url


@pytest.fixture(params=["memory", "postgres"])
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[Stores]:
    if request.param == "memory":
        deliveries = MemoryWebhookDeliveries()
        yield Stores(MemoryWebhookStore(deliveries), deliveries)
        return
    database = Database(request.getfixturevalue("url"))
    yield Stores(PostgresWebhooks(database), PostgresWebhookDeliveries(database), database)
    await database.close()


def access_to(team_id: UUID) -> TeamAccess:
    permit = Permit(Caller(team_id), Permission.WEBHOOKS_MANAGE)
    return check_team(permit, Membership.personal(team_id), WebhookNotFound())


def new_webhook(team_id: UUID, *types: str) -> Webhook:
    return Webhook.create(team_id, "https://hooks.example.org/x", types or ("*",), "chat", "sealed:1", NOW, created_by=UUID(int=7))


async def test_a_webhook_is_stored_with_all_that_it_is(stores: Stores) -> None:
    team = uuid4()
    webhook = new_webhook(team, "deployment.failed", "alert.fired")
    async with stores.transaction():
        await stores.webhooks.add(webhook, 20)
    webhook.rotate("sealed:2", NOW)
    webhook.rotate("sealed:3", NOW)
    webhook.record_failure(NOW, is_gone=True, is_last=False)
    async with stores.transaction():
        await stores.webhooks.save(webhook)
        assert await stores.webhooks.get(access_to(team), webhook.id) == webhook
        assert await stores.webhooks.lock(access_to(team), webhook.id) == webhook
        assert await stores.webhooks.find_any(webhook.id) == await stores.webhooks.lock_any(webhook.id) == webhook
        assert await stores.webhooks.find_team(webhook.id) == team
        assert (webhook.disabled_reason, webhook.failing_since) == (DisabledReason.GONE, NOW)
        assert await stores.webhooks.find_any(uuid4()) is None and await stores.webhooks.find_team(uuid4()) is None
        for read in (stores.webhooks.get, stores.webhooks.lock):
            with pytest.raises(WebhookNotFound):
                await read(access_to(uuid4()), webhook.id)


async def test_receivers_are_the_enabled_webhooks_of_the_team_that_have_chosen_the_type(stores: Stores) -> None:
    team = uuid4()
    of_type, of_all, of_other, disabled = (new_webhook(team, *types) for types in (["alert.fired"], ["*"], ["invoice.issued"], ["*"]))
    disabled.disable(NOW)
    async with stores.transaction():
        for each in (of_type, of_all, of_other, disabled, new_webhook(uuid4(), "*")):
            await stores.webhooks.add(each, 20)
            await stores.webhooks.save(each)
        assert [each.id for each in await stores.webhooks.list_receivers([team], "alert.fired")] == [of_type.id, of_all.id]
        assert [each.id for each in await stores.webhooks.list_of(access_to(team))] == [of_type.id, of_all.id, of_other.id, disabled.id]
        assert await stores.webhooks.list_of_personal_team(Caller(team)) == await stores.webhooks.list_of(access_to(team))
        await stores.webhooks.delete_of_team(team)
        assert await stores.webhooks.list_of(access_to(team)) == []


async def test_a_team_has_no_more_webhooks_than_allowed_also_at_once(stores: Stores) -> None:
    team = uuid4()

    async def add() -> bool:
        try:
            async with stores.transaction():
                await stores.webhooks.add(new_webhook(team), 3)
        except TooManyWebhooks:
            return False
        return True

    assert sorted(await asyncio.gather(*(add() for _ in range(5)))) == [False, False, True, True, True]


async def test_deliveries_are_paged_found_when_overdue_and_deleted_with_their_webhook(stores: Stores) -> None:
    team = uuid4()
    webhook = new_webhook(team)
    made = [WebhookDelivery.request(webhook, PAYLOAD, NOW + timedelta(seconds=number))[0] for number in range(3)]
    made[0].succeed("204 No Content", NOW)
    made[1].record_failure("x" * 1000, NOW)
    async with stores.transaction():
        await stores.webhooks.add(webhook, 20)
        for each in made:
            await stores.deliveries.add(replace(each, state=DeliveryState.PENDING, finished_at=None, next_attempt_at=NOW))
            await stores.deliveries.save(each)
    async with stores.transaction():
        assert [await stores.deliveries.find(each.id) for each in made] == made
        assert await stores.deliveries.lock(made[0].id) == made[0] and await stores.deliveries.find(uuid4()) is None
        assert await stores.deliveries.page(webhook, [], before=None, limit=2) == [made[2], made[1]]
        assert await stores.deliveries.page(webhook, [], before=made[1].id, limit=2) == [made[0]]
        assert await stores.deliveries.page(webhook, ["pending"], before=None, limit=9) == [made[2], made[1]]
        overdue = await stores.deliveries.list_overdue(NOW + timedelta(seconds=9), 100)
        assert [each.id for each in overdue if each.webhook_id == webhook.id] == [made[2].id, made[1].id]
        assert made[0].id not in [each.id for each in overdue]
        assert await stores.deliveries.count_pending(webhook) == 2
        assert await stores.deliveries.delete_finished(made[2].created_at, 100) >= 1
        assert await stores.deliveries.delete_finished(made[2].created_at, 100) == 0
        assert await stores.deliveries.page(webhook, [], before=None, limit=9) == [made[2], made[1]], "those that are pending stay"
        await stores.webhooks.delete(webhook)
        assert await stores.deliveries.find(made[1].id) is None


@dataclass
class Receiver:
    """An integrator's server, which verifies with the library of another project."""

    secret: str
    port: int = 0
    received: list[Any] | None = None

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            event = Verifier(self.secret).verify(await request.read(), dict(request.headers))
        except WebhookVerificationError as error:
            return web.Response(status=400, text=str(error))
        self.received = [*(self.received or []), event]
        return web.Response(status=202)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver(new_secret())
    runner = web.ServerRunner(web.Server(receiver.handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.port = runner.addresses[0][1]
    yield receiver
    await runner.cleanup()


async def test_a_receiver_verifies_the_signature_with_either_secret_of_a_rotation(receiver: Receiver) -> None:
    sender = HttpWebhooks(Settings({"CAPSULE_WEBHOOK_HOSTS": "127.0.0.1"}))
    body = PAYLOAD.model_dump_json(by_alias=True).encode()
    address = f"http://127.0.0.1:{receiver.port}/"
    for secrets in ([receiver.secret], [receiver.secret, new_secret()], [new_secret(), receiver.secret]):
        assert await sender.post(address, secrets, uuid4(), body, datetime.now(UTC)) == "202 Accepted"
    assert receiver.received == [PAYLOAD.model_dump(mode="json", by_alias=True)] * 3


@pytest.mark.parametrize("age", [timedelta(0), timedelta(minutes=6)], ids=["of another secret", "too old"])
async def test_a_receiver_refuses_what_is_not_signed_for_it(receiver: Receiver, age: timedelta) -> None:
    sender = HttpWebhooks(Settings({"CAPSULE_WEBHOOK_HOSTS": "127.0.0.1"}))
    secret = receiver.secret if age else new_secret()
    with pytest.raises(Exception, match="answered 400"):
        await sender.post(f"http://127.0.0.1:{receiver.port}/", [secret], uuid4(), b"{}", datetime.now(UTC) - age)
    assert receiver.received is None


async def test_an_answer_that_trickles_in_ends_with_the_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte arrives within the timeout of a read, the headers as a whole do not."""
    monkeypatch.setattr(http_webhooks, "TIMEOUT_SECONDS", 0.3)

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            for byte in b"HTTP/1.1 204 No Content\r\nX-Slow: " + b"x" * 20:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.1)
        writer.close()

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    async with server:
        sender = HttpWebhooks(Settings({"CAPSULE_WEBHOOK_HOSTS": "127.0.0.1"}))
        with pytest.raises(Transient, match=r"127\.0\.0\.1 did not answer within 0\.3 seconds"):
            await sender.post(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", [new_secret()], uuid4(), b"{}", datetime.now(UTC))


async def test_a_name_that_does_not_decode_is_one_that_does_not_resolve() -> None:
    """`httpx.URL.host` raises IDNAError for it. It is stored where it was admitted by an older release."""
    with pytest.raises(Transient, match=r"cannot resolve xn--a\.invalid"):
        await checked_address(httpx.URL("https://xn--a.invalid/"), (), "X")
    with pytest.raises(Transient, match=r"cannot resolve xn--a\.invalid"):
        await HttpWebhooks(Settings({})).post("https://xn--a.invalid/", [new_secret()], uuid4(), b"{}", datetime.now(UTC))
