"""Overload: circuits and bulkheads of contexts, places of callers, and what is shed first."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from functions.edge.gateway.admission import Admission, Priority
from functions.edge.gateway.bulkhead import Bulkhead, Full
from functions.edge.gateway.options import Options
from functions.edge.gateway.problems import Problem
from functions.runtime.messaging.bus import BrokerUnavailable, NoReply, Reply, Unroutable
from tests.gateway.shop import SentMessage, Shop, client_of, done, open_shop, signed_in
from tests.gateway.test_responses import raising
from tests.waiting import wait_limit

UNAVAILABLE = Reply("failed", 503, {}, b'{"type":"/problems/unavailable","title":"t","status":503}')
REFUSED = Reply("rejected", 503, {}, b'{"type":"/problems/unavailable","title":"t","status":503}')


class SlowOrders:
    """Answers to everything but health wait until the gate opens."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.in_progress = 0

    async def reply(self, message: SentMessage) -> Reply:
        if message.routing_key != "shop.health":
            self.in_progress += 1
            await self.gate.wait()
        return done({})


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(wait_limit(10)):
        while not condition():  # noqa: ASYNC110  a condition of the gateway, which has no event for it
            await asyncio.sleep(0.001)


async def circuit(shop: Shop) -> dict[str, Any]:
    """The entry of the context in `/health`."""
    [entry] = (await shop.client.get("/health")).json()["services"]
    return dict(entry["gateway"])


async def read(shop: Shop) -> httpx.Response:
    return await shop.client.get("/v1/orders", headers=signed_in())


@pytest.mark.parametrize(
    ("reply", "opens"),
    [
        (raising(NoReply("late")), True),
        (lambda message: UNAVAILABLE, True),
        (lambda message: REFUSED, False),  # a use case's own answer
        (lambda message: Reply("failed", 500, {}, b"{}"), False),  # an error of one function
        (raising(Unroutable("x")), False),
        (raising(BrokerUnavailable("gone")), False),
    ],
    ids=["no reply", "database away", "rejection", "internal error", "not deployed", "broker away"],
)
async def test_only_a_context_that_does_not_work_opens_its_circuit(reply: Callable[[SentMessage], Reply], opens: bool) -> None:
    shop = open_shop(Options(circuit_min_volume=3))
    shop.bus.reply = reply
    first = [(await read(shop)).status_code for _ in range(3)]
    sent = len(shop.bus.sent)
    last = await read(shop)
    assert (len(shop.bus.sent) == sent) == opens, first
    if opens:
        assert (last.status_code, last.json()["type"], last.headers["retry-after"]) == (503, "/problems/unavailable", "5")
        assert "context shop" in last.json()["detail"]
        assert await circuit(shop) == {"circuit": "open", "inProgress": 0, "waiting": 0, "retryAfterSeconds": 5}
        assert 'capsule_context_circuit_state{context="shop",state="open"} 1.0' in (await client_of(shop.gateway, "127.0.0.1").get("/metrics")).text


async def test_requests_that_a_lost_connection_ends_do_not_open_circuits() -> None:
    shop = open_shop(Options(circuit_min_volume=1))

    def lose(message: SentMessage) -> Reply:
        shop.bus.connected = False
        raise NoReply("the connection to RabbitMQ was lost")

    shop.bus.reply = lose
    assert (await read(shop)).status_code == 504
    assert (await circuit(shop))["circuit"] == "closed"


async def test_a_slow_context_fills_its_bulkhead_and_then_its_queue() -> None:
    shop = open_shop(Options(context_concurrency=2, context_queue=1, context_wait_seconds=30))
    slow = SlowOrders()
    shop.bus.reply = slow.reply
    requests = [asyncio.create_task(read(shop)) for _ in range(3)]
    await until(lambda: slow.in_progress == 2 and len(shop.gateway._in_progress) == 3)
    assert (await circuit(shop))["waiting"] == 1
    refused = await read(shop)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert "context shop is overloaded" in refused.json()["detail"]
    slow.gate.set()
    assert [response.status_code for response in await asyncio.gather(*requests)] == [200, 200, 200]
    assert await circuit(shop) == {"circuit": "closed", "inProgress": 0, "waiting": 0}


async def test_a_place_is_not_lost_when_its_request_ends_while_it_waits() -> None:
    bulkhead = Bulkhead(1, 2, wait_seconds=0.01)
    await bulkhead.enter()
    with pytest.raises(Full):
        await bulkhead.enter()
    waiting = asyncio.create_task(bulkhead.enter())
    await asyncio.sleep(0)
    bulkhead.leave()
    waiting.cancel()  # in the turn in which it got its place
    await asyncio.gather(waiting, return_exceptions=True)
    assert (bulkhead.in_progress, bulkhead.waiting) == (0, 0)
    await bulkhead.enter()


def test_anonymous_writes_are_shed_first_then_writes_then_reads() -> None:
    admission = Admission(100, 10)

    def is_shed(priority: Priority, in_progress: int) -> bool:
        try:
            admission.shed(priority, in_progress)
        except Problem:
            return True
        return False

    order = (Priority.ANONYMOUS_WRITE, Priority.WRITE, Priority.READ)
    assert [[is_shed(each, number) for each in order] for number in (70, 71, 86, 101)] == [
        [False, False, False],
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


async def test_an_overloaded_gateway_still_answers_probes() -> None:
    shop = open_shop(Options(concurrency=0))
    shop.bus.reply = lambda message: done({"status": "healthy"})
    assert [(await shop.client.get(path)).status_code for path in ("/livez", "/readyz", "/health", "/v1/orders")] == [200, 200, 200, 503]


async def test_one_caller_cannot_have_all_places() -> None:
    shop = open_shop(Options(caller_concurrency=1))
    slow = SlowOrders()
    shop.bus.reply = slow.reply
    first = asyncio.create_task(read(shop))
    await until(lambda: slow.in_progress == 1)
    refused = await read(shop)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert "in progress" in refused.json()["detail"]
    other = asyncio.create_task(shop.client.get("/v1/orders", headers={"Authorization": "Bearer other-user"}))
    await until(lambda: slow.in_progress == 2)
    slow.gate.set()
    assert [response.status_code for response in await asyncio.gather(first, other)] == [200, 200]
    assert (await read(shop)).status_code == 200
