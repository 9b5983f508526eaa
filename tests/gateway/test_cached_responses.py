"""Cached responses: whom they are given to and what ends them. On memory and on Redis."""

from collections import Counter
from dataclasses import replace
from uuid import uuid4

import orjson
import pytest

from events.auth import EmailChanged, SessionEnded
from events.platform import AuditRecorded
from events.teams import TeamMembershipChanged
from functions.edge.gateway.cache import shared
from functions.edge.gateway.options import Options
from functions.kernel import Caller
from functions.runtime.messaging.bus import Reply
from tests.gateway.cached_shop import SETTLE_SECONDS, StockCounted, TasteChanged, deliver, get, metrics, open_cached_shop, purged, settle, value
from tests.gateway.shop import NOW, OTHER_USER, TOKEN, USER, SentMessage, Shop, done, signed_in


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
