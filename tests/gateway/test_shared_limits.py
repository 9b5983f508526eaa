"""Counters in Redis, shared by gateways, and what happens while Redis is away."""

from collections.abc import Sequence

import pytest

from functions.edge.gateway.circuit_breaker import CircuitBreaker
from functions.edge.gateway.options import Options
from functions.edge.gateway.rates.counters import Count, Counters, CountersUnavailable, Hit, MemoryCounters
from functions.edge.gateway.rates.limits import Limit, Limits
from functions.edge.gateway.rates.shared import BREAKER, RedisCounters, SharedCounters
from knative.machine.redis_server import Redis
from tests.gateway.shop import open_shop, signed_in

USER, TOKEN = Limit("reads.user", 3, 60), Limit("reads.token", 2, 60)


async def allowed(counters: Counters, hits: Sequence[Hit]) -> list[bool]:
    return [count.is_allowed for count in await counters.count(hits)]


@pytest.mark.parametrize("store", ["memory", "redis"])
async def test_counters_count_in_order_up_to_the_first_refusal(store: str, redis: Redis) -> None:
    counters: Counters = MemoryCounters() if store == "memory" else SharedCounters(RedisCounters(redis.url), is_fail_open=False)

    async def read(session: str) -> list[bool]:
        return await allowed(counters, [(TOKEN, session), (USER, "ada")])

    assert [await read("s1") for _ in range(3)] == [[True, True], [True, True], [False]]
    assert [await read("s2") for _ in range(2)] == [[True, True], [True, False]]
    [_, last] = [(await counters.count([(Limit("writes.address", 1, 60), "ada")]))[0] for _ in range(2)]
    assert not last.is_allowed and 59 < last.retry_seconds <= 120, "the one request has left the window"
    [count] = await counters.count([(Limit("writes.user", 5, 60), "ada")])
    assert (count.is_allowed, count.remaining) == (True, 4) and 1 <= count.reset_seconds <= 60


async def test_gateways_share_what_they_count(redis: Redis) -> None:
    options = Options(redis_url=redis.url, rate_limits=Limits.parse("writes.user=3/minute"))
    shops = [open_shop(options) for _ in range(3)]
    assert [(await shop.place()).status_code for shop in (*shops, *shops)] == [200, 200, 200, 429, 429, 429]


class Store:
    """Redis that can be away."""

    def __init__(self) -> None:
        self.is_away = False
        self.calls = 0

    async def count(self, hits: Sequence[Hit]) -> Sequence[Count]:
        self.calls += 1
        if self.is_away:
            raise CountersUnavailable("connection refused")
        return [Count(limit, True, limit.amount - 1, 60) for limit, _ in hits]


async def test_while_redis_is_away_each_gateway_counts_by_itself_and_does_not_wait_for_it() -> None:
    time, store = 0.0, Store()
    counters = SharedCounters(store, is_fail_open=True, breaker=CircuitBreaker(BREAKER, lambda: time))
    assert await allowed(counters, [(TOKEN, "s1")]) == [True] and counters.is_available
    store.is_away = True
    assert [await allowed(counters, [(TOKEN, "s1")]) for _ in range(3)] == [[True], [True], [False]]
    assert store.calls == 2 and not counters.is_available
    store.is_away, time = False, 1.0
    assert await allowed(counters, [(TOKEN, "s1")]) == [True] and counters.is_available


@pytest.mark.parametrize(("is_fail_open", "status"), [(True, 200), (False, 503)])
async def test_an_operator_decides_what_an_unreachable_redis_means(is_fail_open: bool, status: int) -> None:
    shop = open_shop(Options(redis_url="redis://127.0.0.1:9/0", is_rate_limit_fail_open=is_fail_open))
    for _ in range(2):
        response = await shop.client.get("/v1/orders", headers=signed_in())
        assert response.status_code == status, response.text
    assert status == 200 or "rate limits is not reachable" in response.json()["detail"]
    assert (await shop.client.get("/livez")).status_code == 200
