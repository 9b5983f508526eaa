"""Stores of the response cache: gateways that share a Redis, a store that is away, and the limit of memory."""

from collections.abc import Callable

import pytest

from functions.edge.gateway.cache import shared
from functions.edge.gateway.cache.stores import MemoryStore, Store, StoreUnavailable
from functions.edge.gateway.options import Options
from knative.machine.redis_server import Redis
from tests.gateway.cached_shop import SETTLE_SECONDS, Counting, TasteChanged, deliver, get, metrics, open_cached_shop, purged, registry, settle, value
from tests.gateway.shop import USER, open_shop


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loaded machine may be slower than a gateway waits for Redis."""
    monkeypatch.setattr(shared, "TIMEOUT_SECONDS", 10.0)


async def test_gateways_with_a_redis_share_responses_writes_and_purges(redis: Redis) -> None:
    options = Options(is_cache_on=True, redis_url=redis.url, cache_settle_seconds=SETTLE_SECONDS)
    shop, function = await open_cached_shop(options)
    other = open_shop(options, registry=registry())
    other.bus.reply = function
    other.gateway._traffic.cache.resume()
    await value(other)
    await settle()
    first = await value(shop)
    assert await value(other) == first
    await other.place()
    assert await value(shop) != first, "a command through the other gateway"
    await settle()
    second = await value(shop)
    assert await value(other) == second
    deliver(other, TasteChanged(user_id=USER))
    await purged(other)
    assert await value(shop) != second


async def test_without_redis_responses_are_as_without_a_cache_and_what_was_missed_is_purged() -> None:
    shop, _ = await open_cached_shop(Options(is_cache_on=True, cache_settle_seconds=SETTLE_SECONDS))
    cache = shop.gateway._traffic.cache
    store = Failing(MemoryStore(1 << 20))
    cache._store = store
    cache.resume()
    await value(shop)
    await settle()
    first = await value(shop)
    assert await value(shop) == first
    store.is_away = True
    bypassed = await get(shop)
    assert bypassed.json()["value"] == first + 1 and bypassed.headers["cache-status"] == "capsule; fwd=bypass"
    deliver(shop, TasteChanged(user_id=USER))
    await purged(shop)
    await shop.place()
    store.is_away = False
    assert await value(shop) > first + 1
    await settle()
    last = await value(shop)
    assert last > first + 1 and await value(shop) == last


class Failing:
    """A store that can be away."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.is_away = False

    def __getattr__(self, name: str) -> Callable[..., object]:
        if self.is_away:
            raise StoreUnavailable("connection refused")
        return getattr(self.store, name)  # type: ignore[no-any-return]


async def test_an_unreachable_redis_changes_no_answer() -> None:
    shop = open_shop(Options(is_cache_on=True, redis_url="redis://127.0.0.1:9/0"), registry=registry())
    function = Counting()
    shop.bus.reply = function
    shop.gateway._traffic.cache.resume()
    assert [await value(shop), await value(shop)] == [1, 2]
    assert (await shop.place()).status_code == 200
    assert "capsule_cache_store_available 0.0" in (await metrics(shop))


async def test_memory_holds_so_many_bytes_and_the_least_recently_used_leave_first() -> None:
    time = 0.0
    store = MemoryStore(3 * 1300, lambda: time)
    for key in "abc":
        await store.write({key: bytes(1000)}, 10)
    await store.read(["a"])
    await store.write({"d": bytes(1000)}, 20)
    assert [found is not None for found in await store.read(["a", "b", "c", "d"])] == [True, False, True, True]
    time = 10.0
    assert [found is not None for found in await store.read(["a", "c", "d"])] == [False, False, True]
    await store.add({"d": b"new", "e": b"e"}, 5)
    assert await store.read(["d", "e"]) == [bytes(1000), b"e"]
