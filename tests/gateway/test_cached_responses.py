"""Cached responses: whom they are given to, what ends them, and what a store that is away means. On memory and on Redis."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID, uuid4

import httpx
import orjson
import pytest

from events.auth import EmailChanged, SessionEnded
from events.platform import AuditRecorded
from events.teams import TeamDeleted, TeamMembershipChanged
from functions.edge.gateway.cache import shared
from functions.edge.gateway.cache.purges import ALWAYS_PURGED_BY, followed_events
from functions.edge.gateway.cache.stores import MemoryStore, Store, StoreUnavailable
from functions.edge.gateway.options import Options
from functions.kernel import ANYONE, OWN_ACCOUNT, Cache, Caller, Client, Declaration, Done, Event, Model, Permission, command, query
from functions.kernel.decorators import declarations_of
from functions.runtime.config.registry import Registry
from functions.runtime.messaging.bus import Reply
from knative.machine.redis_server import Redis
from tests.gateway.shop import NOW, OTHER_USER, TOKEN, USER, Nothing, SentMessage, Shop, declarations, done, open_shop, signed_in

SETTLE_SECONDS = 0.05


class StockCounted(Event, type="stock.counted"):
    shop: str


class TasteChanged(Event, type="taste.changed", subject="user_id"):
    user_id: UUID


class Ask(Model):
    what: str = ""


@query(http="GET /v1/taste", allow=OWN_ACCOUNT, cache=Cache(60, purged_by=(StockCounted,), purged_by_own=(TasteChanged,)))
async def taste(request: Ask, caller: Caller) -> Nothing:
    raise NotImplementedError


@query(http="GET /v1/menu", allow=ANYONE, cache=Cache(60, purged_by=(StockCounted,)))
async def menu(request: Nothing) -> Nothing:
    raise NotImplementedError


def registry() -> Registry:
    for handler in (taste, menu):
        handler.__module__ = f"functions.shop.queries.{handler.__name__}"
    return Registry((*declarations(), *declarations_of(taste), *declarations_of(menu)))


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loaded machine may be slower than a gateway waits for Redis."""
    monkeypatch.setattr(shared, "TIMEOUT_SECONDS", 10.0)


@pytest.fixture(params=["memory", "redis"])
async def options(request: pytest.FixtureRequest) -> Options:
    options = Options(is_cache_on=True, cache_settle_seconds=SETTLE_SECONDS)
    if request.param == "memory":
        return options
    return replace(options, redis_url=request.getfixturevalue("redis").url)


class Counting:
    """A function that returns another value at each call."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, message: SentMessage) -> Reply:
        self.calls += 1
        return done({"value": self.calls})


async def open_cached_shop(options: Options) -> tuple[Shop, Counting]:
    """A shop whose cache is empty and in use."""
    shop, function = open_shop(options, registry=registry()), Counting()
    shop.bus.reply = function
    shop.gateway._traffic.cache.resume()
    await value(shop, "/v1/taste?what=first")  # purges what an earlier test has left
    await asyncio.sleep(SETTLE_SECONDS * 2)
    function.calls = 0
    return shop, function


async def get(shop: Shop, path: str = "/v1/taste", token: str = TOKEN, **headers: str) -> httpx.Response:
    response = await shop.client.get(path, headers={**signed_in(**headers), "Authorization": f"Bearer {token}"} if token else headers)
    assert response.status_code == 200, response.text
    return response


async def value(shop: Shop, path: str = "/v1/taste", token: str = TOKEN, **headers: str) -> int:
    return int((await get(shop, path, token, **headers)).json()["value"])


def deliver(shop: Shop, event: Event) -> None:
    shop.gateway.purges.on_event({"type": event.type}, event.model_dump_json(by_alias=True).encode())


async def purged(shop: Shop) -> None:
    """Wait until every purge is done."""
    await asyncio.gather(*shop.gateway._traffic.cache._tasks)
    await asyncio.sleep(0)


async def settle() -> None:
    await asyncio.sleep(SETTLE_SECONDS * 2)


async def test_a_response_is_given_again_to_its_caller_for_the_same_input(options: Options) -> None:
    shop, function = await open_cached_shop(options)
    first = await get(shop)
    second = await get(shop)
    assert (first.headers["cache-status"], "age" in first.headers) == ("capsule; fwd=miss; stored", False)
    assert second.headers["cache-status"].startswith("capsule; hit; ttl=") and second.headers["age"] == "0"
    assert second.content == first.content and second.headers["etag"] == first.headers["etag"]
    assert second.headers["cache-control"] == "private, no-cache" and second.headers["vary"] == "Authorization, Origin"
    assert (await shop.client.get("/v1/taste", headers=signed_in(If_None_Match=first.headers["etag"]))).status_code == 304
    assert function.calls == 1
    assert await value(shop, "/v1/taste?what=x") == 2, "another input"
    assert await value(shop) == 1


async def test_no_other_user_session_or_role_gets_it(options: Options) -> None:
    shop, function = await open_cached_shop(options)
    values = [await value(shop, token=token) for token in (TOKEN, "session-1", "session-2", "other-user")]
    assert values == [1, 2, 3, 4]
    assert [await value(shop, token=token) for token in (TOKEN, "session-1", "session-2", "other-user")] == values
    verified = Caller(USER)

    async def verify(token: str, at: object) -> tuple[str, Caller]:
        return token, verified

    shop.gateway._verifier.verify = verify  # type: ignore[method-assign]
    assert await value(shop) == 1
    for verified in (Caller(USER, frozenset({"admin"})), Caller(USER, scopes=frozenset({"read"})), Caller(USER, scopes=frozenset())):
        calls = function.calls
        assert await value(shop) == calls + 1, verified


async def test_what_needs_no_caller_is_shared(options: Options) -> None:
    shop, _ = await open_cached_shop(options)
    assert [await value(shop, "/v1/menu", token=token) for token in ("", TOKEN, "other-user")] == [1, 1, 1]


async def test_events_end_responses_of_everyone_or_of_their_user(options: Options) -> None:
    shop, _ = await open_cached_shop(options)

    async def values() -> list[int]:
        return [await value(shop), await value(shop, token="other-user"), await value(shop, "/v1/menu", token="")]

    assert await values() == await values() == [1, 2, 3]
    for event, ended in (
        (TasteChanged(user_id=USER), [True, False, False]),
        (StockCounted(shop="x"), [True, True, True]),
        (TeamMembershipChanged(membership_id=uuid4(), team_id=uuid4(), user_id=OTHER_USER, role=None, at=NOW), [False, True, False]),
        (SessionEnded(session_id=uuid4(), user_id=USER, reason="logged-out", at=NOW), [True, False, False]),
        (EmailChanged(user_id=USER, former_email="a@example.org", email="b@example.org", at=NOW), [False, False, False]),
    ):
        before = await values()
        deliver(shop, event)
        assert await value(shop) != before[0] or not ended[0], f"{event.type}: at once"
        await purged(shop)
        during = await values()
        assert [new != old for new, old in zip(during, before, strict=True)] == ended, f"{event.type}: until it has settled"
        await settle()
        after = await values()
        assert [new != old for new, old in zip(after, before, strict=True)] == ended, event.type
        assert await values() == after, "cached again"


@pytest.mark.parametrize("body", [b"{}", b"[]", b"nothing", b'{"records": [1]}'])
async def test_an_event_that_cannot_be_read_ends_every_response(body: bytes) -> None:
    shop, _ = await open_cached_shop(Options(is_cache_on=True, cache_settle_seconds=SETTLE_SECONDS))
    before = await value(shop, "/v1/menu", token="")
    shop.gateway.purges.on_event({"type": AuditRecorded.type}, body)
    await purged(shop)
    assert await value(shop, "/v1/menu", token="") != before


async def test_a_response_that_was_read_before_the_event_is_not_kept(options: Options) -> None:
    shop, function = await open_cached_shop(options)

    async def slow(message: SentMessage) -> Reply:
        deliver(shop, TasteChanged(user_id=USER))
        await settle()
        return function(message)

    shop.bus.reply = slow
    assert await value(shop) == 1
    shop.bus.reply = function
    assert await value(shop) == 2, "the reply of 1 was on its way when the event arrived"


async def test_callers_read_their_own_writes(options: Options) -> None:
    shop, function = await open_cached_shop(options)
    assert [await value(shop), await value(shop)] == [1, 1]
    shop.gateway._traffic.cache._settle_seconds = 60

    async def during(message: SentMessage) -> Reply:
        shop.bus.reply = function
        assert await value(shop) == 2, "while the command is in progress"
        assert await value(shop) == 3
        return done({"orderId": str(uuid4()), "item": "tea"}, 201)

    shop.bus.reply = during
    assert (await shop.place()).status_code == 201
    assert [await value(shop), await value(shop)] == [4, 5], "until the events of the command have arrived"
    assert [await value(shop, token="other-user"), await value(shop, token="other-user")] == [6, 6]


async def test_a_command_elsewhere_ends_the_responses_of_who_called_it(options: Options) -> None:
    shop, _ = await open_cached_shop(options)
    assert [await value(shop), await value(shop, token="other-user")] == [1, 2]
    record = {"userId": str(USER)}
    shop.gateway.purges.on_event({"type": AuditRecorded.type}, orjson.dumps({"records": [record, {"userId": None}]}))
    await purged(shop)
    assert [await value(shop), await value(shop, token="other-user")] == [3, 2]


async def test_a_gateway_that_may_have_missed_events_uses_nothing_from_before(options: Options) -> None:
    shop, _ = await open_cached_shop(options)
    assert [await value(shop), await value(shop)] == [1, 1]
    shop.gateway._traffic.cache.suspend()
    assert [await value(shop), await value(shop)] == [2, 3]
    shop.gateway._traffic.cache.resume()
    assert await value(shop) == 4
    await settle()
    last = await value(shop)
    assert last > 1 and await value(shop) == last


async def test_a_client_may_ask_for_a_fresh_response(options: Options) -> None:
    shop, _ = await open_cached_shop(options)
    assert [await value(shop), await value(shop, Cache_Control="no-cache"), await value(shop)] == [1, 2, 2]
    assert [await value(shop, Cache_Control="no-store"), await value(shop)] == [3, 2]
    forced = await get(shop, Cache_Control="no-cache")
    assert forced.headers["cache-status"] == "capsule; fwd=request; stored"


async def test_rejections_and_undeclared_responses_are_not_cached(options: Options) -> None:
    shop, function = await open_cached_shop(options)
    shop.bus.reply = lambda message: Reply("rejected", 404, {}, b'{"type":"/problems/x","title":"t","status":404}')
    refused = await shop.client.get("/v1/taste", headers=signed_in())
    assert (refused.status_code, refused.headers["cache-status"]) == (404, "capsule; fwd=miss")
    shop.bus.reply = function
    assert await value(shop) == 1
    undeclared = [await get(shop, "/v1/orders/latest") for _ in range(2)]
    assert [each.json()["value"] for each in undeclared] == [2, 3] and "cache-status" not in undeclared[0].headers


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


async def metrics(shop: Shop) -> str:
    _, text = shop.gateway._traffic.metrics.exposition("")
    return text.decode()


async def test_hits_misses_and_purges_are_counted(options: Options) -> None:
    shop, _ = await open_cached_shop(options)
    before = counted(shop)
    await value(shop)
    await value(shop)
    deliver(shop, TasteChanged(user_id=USER))
    await value(shop)
    assert counted(shop) - before == {"hit": 1, "miss": 1, "bypass": 1}
    assert 'capsule_cache_purges_total{cause="taste.changed"} 1.0' in await metrics(shop)


def counted(shop: Shop) -> Counter[str]:
    """Requests for `/v1/taste` by result."""
    counter = shop.gateway._traffic.metrics._cached
    return Counter({result: int(counter.labels("/v1/taste", result)._value.get()) for result in ("hit", "miss", "bypass")})


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


def test_a_gateway_follows_what_purges_and_nothing_without_a_cached_response() -> None:
    assert followed_events(declarations()) == []
    followed = followed_events(Registry.load().declarations)
    assert set(followed) > ALWAYS_PURGED_BY and EmailChanged.type in followed


def test_a_response_that_must_not_be_kept_cannot_be_declared() -> None:
    with pytest.raises(TypeError, match="0"):
        Cache(0)
    with pytest.raises(TypeError, match="belongs into purged_by"):
        Cache(60, purged_by_own=(TeamDeleted,))

    async def by_address(request: Nothing, client: Client) -> Nothing:
        raise NotImplementedError

    async def changing(request: Nothing, caller: Caller) -> Done[Nothing]:
        raise NotImplementedError

    async def for_anyone(request: Nothing) -> Nothing:
        raise NotImplementedError

    def declared(decorate: Callable[..., object], handler: object) -> Declaration:
        handler.__module__ = "functions.shop.queries.x"
        decorate(handler)
        return declarations_of(handler)[0]

    for declaration, reason in (
        (declared(query(http="GET /v1/x", allow=ANYONE, cache=Cache(60)), by_address), "address"),
        (declared(query(allow=ANYONE, cache=Cache(60)), for_anyone), "with a route"),
        (declared(query(http="GET /v1/x", allow=ANYONE, cache=Cache(60, purged_by_own=(TasteChanged,))), for_anyone), "no caller"),
        (replace(declared(query(http="GET /v1/x", allow=ANYONE, cache=Cache(60)), for_anyone), permission=Permission.APP_READ), "permission"),
        (replace(declared(command(http="PUT /v1/x", allow=OWN_ACCOUNT), changing), cache=Cache(60)), "only the response of a query"),
    ):
        with pytest.raises(TypeError, match=reason):
            declaration.check_cache()
